"""Serve the API's description: OpenAPI 3.1 generated from the operations and their schemas, and an HTML page of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response
from jinja2 import Environment, PackageLoader

from .callers import Access
from .crd import json_schema, part
from .operations import Media, Operation
from .problems import KINDS, TYPE, ProblemSchema
from .views import Details, Summary

VERSION = "1.0.0"
DESCRIPTION = """Running online shops from declarations. Every change is an intent: it is accepted (202), and the
store's status reports the progress. Errors are application/problem+json with a stable type."""

# Statuses that every operation with a caller may return.
ALWAYS = (401, 403, 429, 500, 503)
WITH_BODY = (400, 413, 415)

# Headers with which a caller can read what they wrote, whichever server they reach.
MIN_VERSION = "The Resource-Version that a change returned: the answer is at least as new."


class Documentation:
    """The documentation of these operations."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = sorted(operations, key=lambda each: (each.path, each.method))

    def serve(self, app: Flask, prefix: str) -> None:
        """Serve ``/openapi.json`` and ``/docs`` below the prefix, without authentication."""

        @app.get(f"{prefix}/openapi.json")
        def openapi() -> dict[str, Any]:
            return self.document

        @app.get(f"{prefix}/docs")
        def docs() -> str:
            return self.page

        @app.get(f"{prefix}/docs.css")
        def docs_style() -> Response:
            return Response(_templates().get_template("docs.css").render(), mimetype="text/css")

    @cached_property
    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: _name(schema))
        spec = APISpec("Store Platform", VERSION, "3.1.0", [plugin], info={"description": DESCRIPTION})
        spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
        _components(spec)
        for each in self.operations:
            path = "/api/v1" + re.sub(r"<(?:path:)?(\w+)>", r"{\1}", each.path)
            spec.path(path, operations={each.method.lower(): _operation(each)})
        return spec.to_dict()

    @cached_property
    def page(self) -> str:
        """Return the documentation as HTML, without scripts and external resources."""
        return _templates().get_template("docs.html").render(document=self.document, kinds=KINDS, type=TYPE)


def _components(spec: APISpec) -> None:
    """Add the schemas; for fields that are also in the CRD, the CRD's schema is used."""
    wanted = json_schema(part("spec"))
    theirs = copy.deepcopy(wanted)
    theirs["required"] = [key for key in wanted["required"] if key != "owner"]
    spec.components.schema("StoreSpec", wanted)
    spec.components.schema("StoreStatus", json_schema(part("status")))
    spec.components.schema("NewStoreSpec", {**theirs, "additionalProperties": False})
    spec.components.schema("Problem", schema=ProblemSchema)
    spec.components.schema("Summary", schema=Summary)
    spec.components.schema("Details", schema=Details)
    details: dict[str, Any] = spec.components.schemas.pop("Details")
    more = {"spec": {"$ref": "#/components/schemas/StoreSpec"}, "status": {"$ref": "#/components/schemas/StoreStatus"}}
    spec.components.schema(
        "Store",
        {
            **details,
            "description": "A store: its details, spec and status.",
            "required": [*details["required"], *more],
            "properties": {**details["properties"], **more},
        },
    )
    spec.components.schema(
        "NewStore",
        {
            "description": "A store to create. Its name becomes part of its address.",
            "type": "object",
            "required": ["name", "spec"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "maxLength": 40, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                "spec": {"$ref": "#/components/schemas/NewStoreSpec"},
            },
        },
    )
    spec.components.schema(
        "StoreChange",
        {
            "description": "A JSON merge patch: the given fields are set; null removes a field.",
            "type": "object",
            "required": ["spec"],
            "additionalProperties": False,
            "properties": {"spec": {"type": "object"}},
        },
    )


def _operation(operation: Operation) -> dict[str, Any]:
    document: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    document["description"] = f"For: {operation.access.value}. Rate: {operation.rate.value}."
    document["security"] = [] if operation.access is Access.PUBLIC else [{"bearer": []}]
    document["parameters"] = _parameters(operation)
    if operation.body is not None:
        types = {operation.body_type, "application/json"}
        document["requestBody"] = {
            "required": True,
            "content": {each: {"schema": _reference(operation.body)} for each in sorted(types)},
        }
    document["responses"] = {str(status): _answer(status, what) for status, what in operation.answers.items()}
    may = {
        *ALWAYS,
        *((412,) if operation.method == "GET" else ()),
        *operation.problems,
        *(WITH_BODY if operation.body is not None else ()),
        *((422,) if operation.body else ()),
    }
    for status in sorted(may):
        document["responses"][str(status)] = _problem(status)
    if operation.query is not None:
        document["responses"]["414"] = {"description": "The address is longer than the server reads."}
    return document


def _parameters(operation: Operation) -> list[Any]:
    found: list[Any] = [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"<(?:path:)?(\w+)>", operation.path)
    ]
    if operation.query is not None:
        found.append({"in": "query", "schema": operation.query})
    headers: Mapping[str, str] = operation.headers
    if operation.method == "GET":
        headers = {**headers, "Min-Resource-Version": MIN_VERSION}
    found += [
        {"in": "header", "name": name, "description": text, "schema": {"type": "string"}}
        for name, text in headers.items()
    ]
    return found


def _answer(status: int, what: Any) -> dict[str, Any]:
    if what is None:
        return {"description": "Not modified."}
    if isinstance(what, Media):
        return {"description": what.description, "content": {what.type: {"schema": {"type": "string"}}}}
    description = {200: "Success.", 202: "Accepted; the status reports the progress."}[status]
    return {"description": description, "content": {"application/json": {"schema": _reference(what)}}}


def _problem(status: int) -> dict[str, Any]:
    kinds = [f"`{TYPE}{kind}`: {title}" for kind, (code, title) in KINDS.items() if code == status]
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": "; ".join(kinds), "content": content}


def _reference(what: Any) -> Any:
    return {"$ref": f"#/components/schemas/{what}"} if isinstance(what, str) else what


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return "Problem" if kind is ProblemSchema else kind.__name__.removesuffix("Schema")


def _templates() -> Environment:
    return Environment(loader=PackageLoader("storeplatform.api", "pages"), autoescape=True)
