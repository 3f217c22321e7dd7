"""Lists of stores: who sees which, in what order, and where the next page begins."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Collection
from typing import Any

import pytest

from storeplatform.api.callers import Caller, Role
from storeplatform.api.entries import Entry, entry_of
from storeplatform.api.listing import SORTS, Query, page, select
from storeplatform.api.problems import Problem
from storeplatform.api.views import PHASES

ANN, ADA = Caller("ann", Role.OWNER), Caller("ada", Role.ADMIN)


def entry(name: str, owner: str = "ann", phase: str = "Ready", plan: str = "small") -> Entry:
    metadata = {
        "name": name,
        "uid": name,
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2030-01-01T00:00:00Z",
    }
    spec = {"engine": "medusa", "owner": owner, "plan": plan, "hostname": f"{name}.example.com"}
    return entry_of({"metadata": metadata, "spec": spec, "status": {"phase": phase}})


ENTRIES = [entry("b", "ben"), entry("a"), entry("d", phase="Failed"), entry("c", plan="large")]


def stores(owner: str) -> Collection[Entry]:
    return [each for each in ENTRIES if owner in ("", each.owner)]


def names(entries: Collection[Entry]) -> list[str]:
    return sorted(each.name for each in entries)


def test_an_owner_sees_their_own_stores_and_an_admin_all() -> None:
    assert names(select(stores, ANN, Query())) == ["a", "c", "d"]
    assert names(select(stores, ADA, Query())) == ["a", "b", "c", "d"]


def test_an_owner_who_filters_by_another_owner_sees_none() -> None:
    assert select(stores, ANN, Query(owner="ben")) == []
    assert names(select(stores, ADA, Query(owner="ben"))) == ["b"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(phase="Failed"), ["d"]),
        (Query(plan="large"), ["c"]),
        (Query(engine="woocommerce"), []),
        (Query(text="C.EXAMPLE"), ["c"]),
        (Query(text="ann", plan="small"), ["a", "d"]),
    ],
)
def test_a_filter_combines_its_criteria(query: Query, found: list[str]) -> None:
    assert names(select(stores, ANN, query)) == found


def all_pages(entries: Collection[Entry], **query: Any) -> list[str]:
    seen, cursor = [], ""
    while True:
        shown, following = page(entries, Query(cursor=cursor, **query))
        seen += [each.name for each in shown]
        if following is None:
            return seen
        cursor = following


@pytest.mark.parametrize("sort", [direction + key for key in SORTS for direction in ("", "-")])
@pytest.mark.parametrize("limit", [1, 2, 7, 50])
def test_pages_contain_every_store_once_in_order(sort: str, limit: int) -> None:
    draw = random.Random(limit)
    entries = [
        entry(f"s-{number}", draw.choice("abc"), draw.choice(PHASES), draw.choice(["small", "large"]))
        for number in range(30)
    ]
    key = SORTS[sort.lstrip("-")]
    wanted = sorted(entries, key=lambda each: (key(each), each.name), reverse=sort.startswith("-"))
    assert all_pages(entries, sort=sort, limit=limit) == [each.name for each in wanted]


def test_phases_that_need_attention_come_first() -> None:
    assert all_pages(ENTRIES, sort="phase", limit=1)[0] == "d"


def test_a_store_deleted_between_two_pages_shifts_none() -> None:
    entries = [entry(name) for name in "abcdef"]
    _, cursor = page(entries, Query(limit=2))
    assert cursor
    shown, _ = page([each for each in entries if each.name != "a"], Query(limit=2, cursor=cursor))
    assert [each.name for each in shown] == ["c", "d"]


def encoded(*value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "é",
        encoded("name", 1, "a"),
        encoded("owner", "a", "a"),
        encoded("name", "a", None),
        encoded("name"),
        encoded({}),
    ],
)
def test_a_cursor_of_another_list_is_rejected(cursor: str) -> None:
    with pytest.raises(Problem, match="start again without a cursor"):
        page(ENTRIES, Query(cursor=cursor))
