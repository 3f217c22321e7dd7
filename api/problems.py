"""All errors of the API: RFC 9457, with a stable type and, for invalid input, what must hold for which field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, fields

TYPE = "urn:store-platform:"

# The meaning and status of each kind. They are documented; clients may rely on the type alone.
KINDS: Mapping[str, tuple[int, str]] = {
    "malformed-request": (400, "The request can't be read"),
    "confirmation-required": (400, "A deletion needs the store's name as confirmation"),
    "unauthenticated": (401, "A token is needed"),
    "forbidden": (403, "The caller is not allowed to do this"),
    "quota-exceeded": (403, "The quota is used up"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "The method is not allowed at this address"),
    "too-slow": (408, "The request did not arrive in time"),
    "conflict": (409, "It already exists, or was changed meanwhile"),
    "store-deleting": (409, "The store is being deleted"),
    "store-closed": (409, "The store is closed"),
    "backups-off": (409, "The store makes no backups"),
    "backup-underway": (409, "A requested backup is not finished yet"),
    "stale": (412, "It changed since it was read"),
    "not-yet": (412, "This server has not seen that version yet"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "The body must be JSON"),
    "invalid": (422, "The request is invalid"),
    "idempotency-mismatch": (422, "The key was used for another request"),
    "condition-required": (428, "A change needs If-Match"),
    "too-many-requests": (429, "Too many requests"),
    "internal": (500, "The API failed"),
    "unavailable": (503, "The platform can't do this now"),
}


class Problem(Exception):
    """An error response.

    :param kind: one of ``KINDS``.
    :param detail: what must hold, and what the caller can do.
    :param errors: what is wrong, by JSON pointer into the request ("?name" for a query parameter).
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        self.errors, self.headers = errors or {}, headers or {}
        self.status, self.title = KINDS[kind]

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the body, as ``ProblemSchema`` describes it."""
        body: dict[str, Any] = {"type": TYPE + self.kind, "title": self.title, "status": self.status}
        body |= {"detail": self.detail, "requestId": request_id}
        if self.errors:
            body["errors"] = [{"pointer": where, "detail": what} for where, what in self.errors.items()]
        return body

    def response(self, request_id: str) -> Response:
        """Return the response."""
        body = orjson.dumps(self.body(request_id))
        return Response(body, self.status, dict(self.headers), mimetype="application/problem+json")


class FieldError(Schema):
    """One invalid field or parameter."""

    pointer = fields.String(
        required=True, metadata={"description": "A JSON pointer into the body, or ?name for a query parameter."}
    )
    detail = fields.String(required=True, metadata={"description": "What is required."})


class ProblemSchema(Schema):
    """An error, in the form of RFC 9457."""

    type = fields.String(
        required=True,
        metadata={"description": "The kind of error. It is stable: programs may depend on it.", "format": "uri"},
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What is required, and what to do."})
    requestId = fields.String(required=True, metadata={"description": "The request's id, as in the logs."})
    errors = fields.List(fields.Nested(FieldError))


def pointers(messages: Any, above: str = "") -> dict[str, str]:
    """Return marshmallow's messages by JSON pointer."""
    if isinstance(messages, Mapping):
        found: dict[str, str] = {}
        for key, value in messages.items():
            # An error of the whole schema belongs to no field.
            here = above if key == "_schema" else f"{above}/{str(key).replace('~', '~0').replace('/', '~1')}"
            found |= pointers(value, here)
        return found
    return {above or "/": " ".join(messages) if isinstance(messages, list) else str(messages)}
