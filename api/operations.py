"""What an operation of the API is: said once beside its function, for the router, the limits, the documentation."""

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
    """A request whose caller and rate are known to be in order, and its form where it has a query and a body.

    ``query`` and ``body`` are what the operation's schemas made of them; ``interface`` is "api", or "dashboard" where
    the caller came through that; ``action`` is the operation's; ``dry_run``: nothing is to be changed; ``sealed``: no
    record may hold anything of the body.
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
    """What an operation answers: a body as JSON, or a response of its own."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Media:
    """An answer that is no JSON."""

    type: str
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    ``path``: below /api/v1, with ``<name>`` for what varies (``<path:name>`` where it may have slashes). ``answers``:
    what it gives when all is well, by status: a schema, a schema's name, or another medium (several are one more beside
    the JSON). ``problems``: which statuses it may answer beside those that every operation may. ``action``: what it is
    called in the audit; it is not in it where that is empty. ``sealed``: its body holds secrets.
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
    """Marks a method of a resource as an operation; ``more``: the other fields of ``Operation``."""

    def mark(function: Function) -> Function:
        function.operation = Operation(method, path, access, rate, summary, **more)  # type: ignore[attr-defined]
        return function

    return mark


def operations_of(resource: object) -> Iterator[Operation]:
    """The operations of a resource, each bound to it."""
    for name in sorted(vars(type(resource))):
        function = getattr(resource, name)
        if marked := getattr(function, "operation", None):
            yield replace(marked, function=function, name=name)
