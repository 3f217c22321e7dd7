"""Select, sort and paginate stores."""

from __future__ import annotations

import base64
import binascii
import heapq
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .callers import Caller, Role
from .entries import Entry
from .problems import Problem
from .views import PHASES

# The sort orders, each with its key. By phase, stores that need attention come first.
SORTS: Mapping[str, Callable[[Entry], Any]] = {
    "name": lambda entry: entry.name,
    "createdAt": lambda entry: entry.created,
    "owner": lambda entry: entry.owner,
    "plan": lambda entry: entry.plan,
    "phase": lambda entry: PHASES.index(entry.phase),
}


@dataclass(frozen=True)
class Query:
    """The criteria for stores; an empty one matches everything.

    ``sort``: a key of ``SORTS``; "-" before it reverses the order.
    """

    owner: str = ""
    engine: str = ""
    plan: str = ""
    phase: str = ""
    text: str = ""
    sort: str = "name"
    limit: int = 50
    cursor: str = ""


def select(stores: Callable[[str], Collection[Entry]], caller: Caller, query: Query) -> Collection[Entry]:
    """Return the stores that match and that the caller may see.

    :param stores: returns an owner's stores, or all for "".
    """
    owner = query.owner or (caller.name if caller.role is Role.OWNER else "")
    if not caller.sees(owner):
        return []
    entries, text = stores(owner), query.text.lower()
    if not (query.engine or query.plan or query.phase or text):
        return entries
    return [
        entry
        for entry in entries
        if (not query.engine or entry.engine == query.engine)
        and (not query.plan or entry.plan == query.plan)
        and (not query.phase or entry.phase == query.phase)
        and (not text or text in entry.searched)
    ]


def page(entries: Collection[Entry], query: Query) -> tuple[list[Entry], str | None]:
    """Return one page of stores, and the cursor of the next; None after the last.

    The cursor is the last store's position in the order, so stores that are created or deleted shift no page.

    :raise Problem: the cursor does not belong to this order.
    """
    key, turned = SORTS[query.sort.lstrip("-")], query.sort.startswith("-")

    def place(entry: Entry) -> tuple[Any, str]:
        # Sorted by name if the key is equal, so that every store has a unique position.
        return key(entry), entry.name

    if query.cursor:
        last = _read(query.cursor, query.sort)
        entries = [each for each in entries if (place(each) < last if turned else place(each) > last)]
    first = heapq.nlargest if turned else heapq.nsmallest
    ordered = first(query.limit + 1, entries, key=place)
    shown = ordered[: query.limit]
    more = len(ordered) > query.limit
    return shown, _write(place(shown[-1]), query.sort) if more else None


def _write(place: tuple[Any, str], sort: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, *place])).decode().rstrip("=")


def _read(cursor: str, sort: str) -> tuple[Any, str]:
    try:
        made_for, value, name = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        known = isinstance(value, int if sort.lstrip("-") == "phase" else str) and isinstance(name, str)
    except (binascii.Error, ValueError, TypeError):
        known, made_for = False, ""
    if not known or made_for != sort:
        raise Problem(
            "invalid",
            "the cursor must come from this list with the same sort: start again without a cursor",
            {"?cursor": "must be the value of next on the previous page"},
        )
    return value, name
