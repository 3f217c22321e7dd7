"""The stream of changes: it reports changes at once, only to those who may see them, and misses none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import pytest
import requests

from storeplatform.api.cache import Cache
from storeplatform.api.callers import Caller as ApiCaller
from storeplatform.api.callers import Role
from storeplatform.api.journal import KEPT_CHANGES, Change
from storeplatform.api.resources import changes
from storeplatform.api.resources.changes import events
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .server import Api, ApiClient


class Event(NamedTuple):
    """``kind`` is "" for a comment and for the start of the stream."""

    kind: str
    id: str
    data: dict[str, object]


SILENCE = Event("", "", {})


def stream(caller: ApiClient, last_seen: str = "") -> requests.Response:
    headers = {"Last-Event-ID": last_seen} if last_seen else {}
    return caller("GET", "/changes", headers=headers, stream=True)


def read(response: requests.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            yield Event(fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "{}")))
            fields = {}


def until(arriving: Iterator[Event], kind: str, name: str) -> list[Event]:
    """Return the events up to that event of that store."""
    seen = []
    for event in arriving:
        seen.append(event)
        if (event.kind, event.data.get("name")) == (kind, name):
            return seen
        assert seen.count(SILENCE) < 2, f"nothing more is reported, and {kind} {name} was not: {seen}"
    raise AssertionError(f"the stream ended before {kind} {name}: {seen}")


def test_changes_and_deletions_are_reported_at_once(ann: ApiClient) -> None:
    with closing(stream(ann)) as response:
        arriving = read(response)
        next(arriving)
        ann.create("watched")
        made = until(arriving, "store", "watched")[-1]
        assert (made.data["phase"], made.data["owner"]) == ("Pending", "ann@example.com")
        ann("DELETE", "/stores/watched?confirm=watched")
        assert until(arriving, "gone", "watched")[-1].data == {"name": "watched"}


def test_only_support_and_admins_see_changes_of_other_owners_stores(api: Api, ann: ApiClient, ben: ApiClient) -> None:
    with closing(stream(ben)) as bens, closing(stream(api.caller("sue"))) as sues:
        theirs, all_of_them = read(bens), read(sues)
        next(theirs), next(all_of_them)
        ann.create("not-bens")
        ben.create("bens")
        assert [each.data.get("name") for each in until(theirs, "store", "bens")] == ["bens"]
        assert "not-bens" in [each.data.get("name") for each in until(all_of_them, "store", "bens")]


def test_a_reader_that_reconnects_to_any_process_gets_what_it_missed(
    plane: ControlPlane,
) -> None:
    with Api(plane, processes=2) as api:
        ann = api.caller("ann", 0)
        with closing(stream(ann)) as response:
            arriving = read(response)
            next(arriving)
            ann.create("seen")
            last = until(arriving, "store", "seen")[-1].id
        ann.create("missed-1")
        ann.create("missed-2")
        with closing(stream(api.caller("ann", 1), last)) as response:
            names = [each.data.get("name") for each in until(read(response), "store", "missed-2")]
        assert names == [None, "missed-1", "missed-2"]


def test_a_reader_that_was_disconnected_too_long_must_reload(ann: ApiClient) -> None:
    with closing(stream(ann, "1")) as response:
        arriving = read(response)
        next(arriving)
        assert next(arriving).kind == "reset"


def test_the_number_of_streams_per_caller_is_limited(plane: ControlPlane) -> None:
    with Api(plane, settings={"streams": {"caller": 2, "process": 3}}) as api:
        ann, ben = api.caller("ann"), api.caller("ben")
        with closing(stream(ann)), closing(stream(ann)):
            third = stream(ann)
            assert (third.status_code, third.json()["type"]) == (429, "urn:store-platform:too-many-requests")
            with closing(stream(ben)):
                fourth = stream(ben)
                assert (fourth.status_code, fourth.json()["type"]) == (503, "urn:store-platform:unavailable")


def cache_of(count: int) -> Cache:
    """Return a cache with that number of changes, all of ann's stores."""
    cache = Cache(None)  # type: ignore[arg-type]
    for number in range(1, count + 1):
        change(cache, number)
    return cache


def change(cache: Cache, version: int) -> None:
    """Change a store of ann's."""
    metadata = {"name": f"s{version}", "resourceVersion": str(version), "creationTimestamp": "2030-01-01T00:00:00Z"}
    cache._apply({"metadata": metadata, "spec": {"owner": "ann", "engine": "e", "plan": "p"}}, gone=False)


ANN = ApiCaller("ann", Role.OWNER)


def test_a_silent_stream_is_kept_alive_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT_SECONDS", 0.01)
    arriving = events(cache_of(1), ANN, "")
    assert [next(arriving), next(arriving)] == [b"retry: 2000\nid: 1\n\n", b":\n\n"]


def test_a_stream_ends_with_the_token_and_with_the_process() -> None:
    assert list(events(cache_of(1), ApiCaller("ann", Role.OWNER, expires=0.0), "")) == [b"retry: 2000\nid: 1\n\n"]
    stopped = cache_of(1)
    stopped.stop()
    assert len(list(events(stopped, ANN, ""))) == 1


def test_forgotten_changes_cause_a_reset_and_kept_ones_come_in_order() -> None:
    cache = cache_of(KEPT_CHANGES + 5)
    assert cache.changes(4) is None
    found = cache.changes(5)
    assert found
    assert [each.version for each in found[0]] == list(range(6, KEPT_CHANGES + 6))
    assert found[1] == KEPT_CHANGES + 5


class Busy(Cache):
    """A cache in which something changes right after each of the first reads."""

    def __init__(self, happenings: list[Callable[[], object]]) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.happenings = happenings

    def changes(self, since: int) -> tuple[list[Change], int] | None:
        found = super().changes(since)
        if self.happenings:
            self.happenings.pop(0)()
        return found


def test_a_change_right_after_a_bookmark_is_reported() -> None:
    cache = Busy([])
    cache.happenings = [lambda: (cache._advance(1), change(cache, 2))]
    arriving = events(cache, ANN, "")
    assert [next(arriving), next(arriving)[:23]] == [b"retry: 2000\nid: 0\n\n", b"event: store\nid: 2\ndata"]


def test_the_stream_continues_from_the_version_that_was_read(api: Api) -> None:
    ann = api.caller("ann")
    version = ann("GET", "/stores").headers["Resource-Version"]
    ann.create("after-the-read")
    with closing(stream(ann, version)) as response:
        until(read(response), "store", "after-the-read")


def resets(cache: Cache, last_seen: str) -> bool:
    arriving = events(cache, ANN, last_seen)
    next(arriving)
    return next(arriving).startswith(b"event: reset\nid: 5\n")


@pytest.mark.parametrize("last_seen", ["9" * 5000, "9" * 19, "-1", "1.5", "\u0663", "abc", "6"])
def test_a_version_that_this_cluster_never_had_causes_a_reset(last_seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "CATCH_UP_SECONDS", 0.01)
    assert resets(cache_of(5), last_seen)


def test_a_process_that_lags_behind_the_reader_catches_up_first() -> None:
    cache = cache_of(5)
    arriving = events(cache, ANN, "6")
    next(arriving)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(next, arriving)
        change(cache, 6), change(cache, 7)
        assert first.result(10).startswith(b"event: store\nid: 7\n")


def test_restoring_the_cluster_resets_open_streams() -> None:
    cache = cache_of(5)
    arriving = events(cache, ANN, "")
    next(arriving)
    cache._version = 2
    cache._journal.begin(2)
    assert next(arriving).startswith(b"event: reset\nid: 2\n")


def test_a_change_wakes_the_streams_of_its_owner_and_of_those_who_see_all() -> None:
    cache = cache_of(1)
    with cache.listening("ann") as anns, cache.listening("ben") as bens, cache.listening(None) as all_of_them:
        change(cache, 2)
        assert [each.is_set() for each in (anns, bens, all_of_them)] == [True, False, True]


def test_a_late_write_does_not_bring_back_a_deleted_store() -> None:
    cache = cache_of(1)
    store = cache.get("s1")
    assert store
    written = {**store.store(), "metadata": {**store.store()["metadata"], "resourceVersion": "2"}}
    cache._apply({**written, "metadata": {**written["metadata"], "resourceVersion": "3"}}, gone=True)
    cache.put(written)
    assert (cache.get("s1"), len(cache), list(cache.stores("ann"))) == (None, 0, [])


def test_a_last_event_id_of_five_thousand_digits_is_accepted(ann: ApiClient) -> None:
    with closing(stream(ann, "1" * 5000)) as response:
        arriving = read(response)
        next(arriving)
        assert next(arriving).kind == "reset"
    assert ann("GET", "/me", headers={"Min-Resource-Version": "1" * 5000}).status_code == 200


def test_a_stream_is_released_as_soon_as_its_reader_disconnects(plane: ControlPlane) -> None:
    with Api(plane, settings={"streams": {"caller": 1, "process": 1}}) as api:
        for _ in range(5):
            with closing(stream(api.caller("ann"))) as response:
                assert response.status_code == 200
            wait_until(lambda: api.metric("store_api_streams") == 0, "the place is free", 10)
