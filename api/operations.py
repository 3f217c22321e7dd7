"""Describe an operation of the API once, beside its function, for the router, the limits and the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from flask import Response
from marshmallow import Schema
from werkzeug.datastructures import Headers

from .callers import Access, Caller

Body = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., Any])


class Rate(StrEnum):
    """Which of the settings' rates an operation counts against."""

    READ = "read"
    WRITE = "write"
    COSTLY = "costly"


@dataclass(frozen=True)
class Call:
    """A request of an authenticated caller within their rate, validated if it has a query and a body.

    ``query`` and ``body``: as validated by the operation's schemas. ``interface``: "api" or "dashboard". ``action``:
    the operation's. ``dry_run``: nothing may be changed. ``sealed``: no record may contain anything of the body.
    """

    caller: Caller
    request_id: str
    interface: str
    action: str
    path: Mapping[str, str]
    headers: Headers
    dry_run: bool = False
    sealed: bool = False
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An operation's response: a body as JSON, or a complete response."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Media:
    """A media type of a response that is not JSON."""

    type: str
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    ``path``: below /api/v1, with ``<name>`` for parameters (``<path:name>`` if they may contain slashes). ``answers``:
    the successful responses, by status: a schema, a schema's name, or another media type (several: alternatives to
    JSON). ``problems``: the error statuses beside those that every operation may return. ``action``: its name in the
    audit; "" if it is not recorded. ``sealed``: its body contains secrets.
    """

    method: str
    path: str
    access: Access
    rate: Rate
    summary: str
    answers: Mapping[int, Any]
    body: Schema | str | None = None
    body_type: str = "application/json"
    query: Schema | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    problems: frozenset[int] = frozenset()
    action: str = ""
    sealed: bool = False
    function: Callable[[Call], Answer | Response] | None = None
    name: str = ""


def operation(
    method: str, path: str, access: Access, rate: Rate, summary: str, **more: Any
) -> Callable[[Function], Function]:
    """Mark a method of a resource as an operation; ``more``: the other fields of ``Operation``."""

    def mark(function: Function) -> Function:
        function.operation = Operation(method, path, access, rate, summary, **more)  # type: ignore[attr-defined]
        return function

    return mark


def operations_of(resource: object) -> Iterator[Operation]:
    """Return the operations of a resource, each bound to it."""
    for name in sorted(vars(type(resource))):
        function = getattr(resource, name)
        if marked := getattr(function, "operation", None):
            yield replace(marked, function=function, name=name)
