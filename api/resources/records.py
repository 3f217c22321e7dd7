"""The audit: who did what, through which interface, and with what result."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

import orjson
from flask import Response
from marshmallow import Schema, fields, validate

from ..audit import Filters, Record
from ..callers import Access, Role
from ..operations import Answer, Call, Media, Rate, operation
from ..problems import Problem
from ..services import Services

COLUMNS = ("at", "actor", "interface", "action", "store", "owner", "outcome", "reason", "requestId", "before", "after")
PIECE = 32 * 1024
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RecordView(Schema):
    """One action that was done, or refused."""

    id = fields.String(required=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    interface = fields.String(required=True, metadata={"description": "api, dashboard or kubectl."})
    action = fields.String(required=True)
    store = fields.String(required=True)
    owner = fields.String(required=True)
    outcome = fields.String(required=True, metadata={"description": "admitted or refused."})
    reason = fields.String(required=True, metadata={"description": "Why it was refused."})
    requestId = fields.String(required=True)
    before = fields.Dict(
        required=True, allow_none=True, metadata={"description": "The changed fields of the spec before the change."}
    )
    after = fields.Dict(
        required=True, allow_none=True, metadata={"description": "The changed fields of the spec after the change."}
    )


class RecordPage(Schema):
    """The newest first."""

    items = fields.List(fields.Nested(RecordView), required=True)
    next = fields.String(required=True, allow_none=True)


class RecordFilter(Schema):
    """The criteria for records."""

    store = fields.String(load_default="")
    owner = fields.String(load_default="")
    actor = fields.String(load_default="")
    action = fields.String(load_default="")
    outcome = fields.String(load_default="", validate=validate.OneOf(["", "admitted", "refused"]))
    since = fields.AwareDateTime(load_default=None, metadata={"description": "From then on."})
    until = fields.AwareDateTime(load_default=None, metadata={"description": "Before then."})


class RecordQuery(RecordFilter):
    """The criteria for records, and the page to read."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    cursor = fields.String(load_default="")


class Records:
    """Owners see records of their own stores; admins and support see everything."""

    def __init__(self, services: Services) -> None:
        self.audit = services.audit

    @operation(
        "GET",
        "/audit",
        Access.READ,
        Rate.READ,
        "List the history",
        query=RecordQuery(),
        answers={200: RecordPage},
        problems=frozenset({422}),
    )
    def list_records(self, call: Call) -> Answer:
        limit = call.query["limit"]
        try:
            found = self.audit.query(_filters(call), limit + 1, call.query["cursor"] or None)
        except ValueError as error:
            raise Problem(
                "invalid", str(error), {"?cursor": "must be the value of next on the previous page"}
            ) from None
        following = found[limit - 1].cursor if len(found) > limit else None
        return Answer({"items": [view(each) for each in found[:limit]], "next": following})

    @operation(
        "GET",
        "/audit.csv",
        Access.READ,
        Rate.COSTLY,
        "Export the history as CSV",
        query=RecordFilter(),
        answers={200: Media("text/csv", "A header, then one line per record.")},
        problems=frozenset({422}),
    )
    def export_records(self, call: Call) -> Response:
        records = self.audit.export(_filters(call))
        # The first record is read before the response begins, so that an unavailable database is still reported as an
        # error.
        first = list(islice(records, 1))
        response = Response(pieces(table(chain(first, records))), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


def _filters(call: Call) -> Filters:
    chosen = {key: value for key, value in call.query.items() if key not in ("limit", "cursor") and value}
    # Owners see all records of their own stores, whoever acted on them.
    own = {"owner": call.caller.name} if call.caller.role is Role.OWNER else {}
    return Filters(**{**chosen, **own})


def view(record: Record) -> dict[str, Any]:
    """Return a record as ``RecordView`` describes it."""
    values = record.as_json()
    return {name: values[{"requestId": "request_id"}.get(name, name)] for name in RecordView().fields}


def table(records: Iterator[Record]) -> Iterator[str]:
    """Yield CSV lines. A cell that a spreadsheet would evaluate as a formula is escaped."""
    yield _line(COLUMNS)
    for record in records:
        row: Mapping[str, Any] = view(record)
        yield _line([_cell(row[column]) for column in COLUMNS])


def pieces(lines: Iterator[str]) -> Iterator[bytes]:
    """Yield the lines, joined to pieces of a useful size."""
    piece = bytearray()
    for line in lines:
        piece += line.encode(errors="replace")
        if len(piece) > PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value).decode()
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
