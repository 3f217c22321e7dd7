"""Parse and validate HTTP requests, and build responses."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

import orjson
from flask import Request, Response
from marshmallow import Schema, ValidationError

from .callers import Caller
from .operations import Answer, Body, Call, Operation
from .problems import Problem, pointers
from .refusals import INVALID

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
# No Store needs more; deeper JSON would overflow a parser's stack.
MAX_DEPTH = 20
JSON_TYPES = ("application/json", "application/merge-patch+json")


def request_id_of(request: Request) -> str:
    """Return the caller's request id if it is a plain word; otherwise a new one."""
    given = request.headers.get("X-Request-Id", "")
    return given if REQUEST_ID.match(given) else uuid.uuid4().hex


def call_of(operation: Operation, request: Request, caller: Caller, request_id: str, interface: str) -> Call:
    """Return the call before its query and body are read.

    :param interface: the interface that it came through.
    """
    return Call(
        caller=caller,
        request_id=request_id,
        interface=interface,
        action=operation.action,
        path=dict(request.view_args or {}),
        headers=request.headers,
        dry_run=request.args.get("dryRun") == "true",
        sealed=operation.sealed,
    )


def read(operation: Operation, request: Request, call: Call) -> Call:
    """Return the call with its validated query and body.

    :raise Problem: they are invalid for the operation.
    """
    return replace(call, query=_query(operation.query, request), body=_body(operation, request))


def response_of(answer: Answer | Response) -> Response:
    """Return the HTTP response for an operation's result."""
    if isinstance(answer, Response):
        return answer
    data = b"" if answer.body is None else orjson.dumps(answer.body)
    return Response(data, answer.status, dict(answer.headers), mimetype="application/json")


def _query(schema: Schema | None, request: Request) -> dict[str, Any]:
    if schema is None:
        return {}
    try:
        return dict(schema.load(request.args.to_dict()))
    except ValidationError as error:
        errors = {f"?{where.lstrip('/')}": what for where, what in pointers(error.messages).items()}
        raise Problem("invalid", "the query is invalid: correct the parameters that the errors name", errors) from None


def _body(operation: Operation, request: Request) -> Body:
    if operation.body is None:
        return {}
    if request.mimetype not in JSON_TYPES:
        raise Problem("unsupported-media-type", f"the body must be JSON, with Content-Type: {operation.body_type}")
    try:
        body = orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError as error:
        raise Problem("malformed-request", f"the body must be JSON: {error}") from None
    if depth_exceeds(body, MAX_DEPTH):
        raise Problem("malformed-request", f"the body must not be nested deeper than {MAX_DEPTH} levels")
    if not isinstance(body, dict):
        raise Problem("invalid", "the body must be a JSON object", {"/": "must be an object"})
    if isinstance(operation.body, str):
        return body  # the operation validates it with the CRD's schema
    try:
        return dict(operation.body.load(body))
    except ValidationError as error:
        raise Problem("invalid", INVALID, pointers(error.messages)) from None


def depth_exceeds(value: Any, most: int) -> bool:
    """Whether mappings and lists are nested deeper than that."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
        if not level:
            return False
    return True
