"""Pages of stores: which, in what order, and where the next one begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .callers import Caller, Role
from .cluster import Object
from .problems import Problem

PHASES = ("Failed", "Degraded", "Terminating", "Upgrading", "Provisioning", "Pending", "Suspended", "Ready")

SortKey = Callable[[Object], Any]

# By what a list may be sorted, each with what it looks at. Phases: what needs somebody comes first.
SORTS: Mapping[str, SortKey] = {
    "name": lambda store: store["metadata"]["name"],
    "createdAt": lambda store: store["metadata"]["creationTimestamp"],
    "owner": lambda store: store["spec"]["owner"],
    "plan": lambda store: store["spec"]["plan"],
    "phase": lambda store: PHASES.index(phase_of(store)),
}


def phase_of(store: Object) -> str:
    """A Store's phase; Pending before the first answer for it."""
    return str(store.get("status", {}).get("phase", "Pending"))


@dataclass(frozen=True)
class Query:
    """Which stores: those that hold for all that is not empty. ``sort``: a key of ``SORTS``, "-" before it turns it."""

    owner: str = ""
    engine: str = ""
    plan: str = ""
    phase: str = ""
    text: str = ""
    sort: str = "name"
    limit: int = 50
    cursor: str = ""


def select(stores: Iterable[Object], caller: Caller, query: Query) -> list[Object]:
    """Those the caller sees and asks for."""
    owner = query.owner or (caller.name if caller.role is Role.OWNER else "")
    if not caller.sees(owner):
        return []
    text = query.text.lower()
    return [
        store
        for store in stores
        if (not owner or store["spec"]["owner"] == owner)
        and (not query.engine or store["spec"]["engine"] == query.engine)
        and (not query.plan or store["spec"]["plan"] == query.plan)
        and (not query.phase or phase_of(store) == query.phase)
        and (not text or text in _searched(store))
    ]


def page(stores: list[Object], query: Query) -> tuple[list[Object], str | None]:
    """One page of them, and the next one's cursor; None after the last.

    The cursor is the last store's place in the order, so a store that comes or goes shifts no page.

    :raise Problem: the cursor is none of this order.
    """
    key, turned = SORTS[query.sort.lstrip("-")], query.sort.startswith("-")
    # By name where the key is the same, so that every store has its one place.
    ordered = sorted(((key(store), store["metadata"]["name"], store) for store in stores), key=_place, reverse=turned)
    if query.cursor:
        last = _read(query.cursor, query.sort)
        ordered = [each for each in ordered if (_place(each) < last if turned else _place(each) > last)]
    shown = ordered[: query.limit]
    more = len(ordered) > query.limit
    return [store for _, _, store in shown], _write(shown[-1], query.sort) if more else None


def _place(entry: tuple[Any, str, Object]) -> tuple[Any, str]:
    return entry[0], entry[1]


def _searched(store: Object) -> str:
    spec, status = store["spec"], store.get("status", {})
    named = (store["metadata"]["name"], spec["owner"], spec.get("hostname", ""), status.get("url", ""))
    return " ".join(named).lower()


def _write(entry: tuple[Any, str, Object], sort: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, *_place(entry)])).decode().rstrip("=")


def _read(cursor: str, sort: str) -> tuple[Any, str]:
    try:
        made_for, value, name = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        known = isinstance(value, int if sort.lstrip("-") == "phase" else str) and isinstance(name, str)
    except (binascii.Error, ValueError, TypeError):
        known, made_for = False, ""
    if not known or made_for != sort:
        raise Problem(
            "invalid",
            "the cursor must be one that this list gave, with the same sort: begin without one",
            {"?cursor": "must be the next of the page before"},
        )
    return value, name
