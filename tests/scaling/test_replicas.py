"""Two processes of the API and of the dashboard, each pair behind one address, work like one process, and survive
losing one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
import requests

from tests.api.server import ApiClient, token_of
from tests.api.test_changes import read, until
from tests.cluster.waiting import wait_until
from tests.dashboard.server import Visitor
from tests.stores.balancer import Balancer
from tests.stores.gate import Gate
from tests.stores.platform import API

from .replicas import PROCESSES, Replicas, port_of


def at_once(*calls: Callable[[], requests.Response]) -> list[requests.Response]:
    """Return the responses to concurrent calls."""
    start = threading.Barrier(len(calls))

    def call(ask: Callable[[], requests.Response]) -> requests.Response:
        start.wait()
        return ask()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def keyed(caller: ApiClient, name: str, key: str) -> requests.Response:
    """Create with an idempotency key."""
    body = {"name": name, "spec": {"engine": "medusa"}}
    return caller("POST", "/stores", body, headers={"Idempotency-Key": key})


def shared(balancer: Balancer, before: Counter[int]) -> bool:
    """Whether every process has received a connection since then."""
    return len(balancer.taken - before) == PROCESSES


def test_a_session_is_valid_at_both_dashboards_until_signing_out(replicas: Replicas) -> None:
    with replicas.visitor() as ann:
        # The form comes from one process, and is sent to the other.
        before = replicas.dashboard_balancer.taken.copy()
        assert ann.sign_in(token_of(replicas.plane, "ann")).ok
        pages = [ann.get("/") for _ in range(10)]
        assert ["ann@example.com" in page.text for page in pages] == [True] * 10
        assert shared(replicas.dashboard_balancer, before)
        ann.send("/signout", {}, page="/")
        assert {ann.get("/").url for _ in range(4)} == {f"{ann.url}/signin?next=/"}


@pytest.fixture(scope="module")
def limited(gate: Gate, redis_url: str) -> Iterator[Replicas]:
    with Replicas(gate, redis_url, read="10/hour", sign_in="5/hour") as limited:
        yield limited


def test_the_apis_rate_counts_requests_through_both_processes(limited: Replicas) -> None:
    before = limited.api_balancer.taken.copy()
    answers = at_once(*[lambda: limited.caller("ben")("GET", "/me")] * 16)
    assert Counter(each.status_code for each in answers) == {200: 10, 429: 6}
    assert shared(limited.api_balancer, before)


def test_the_sign_in_rate_counts_attempts_at_both_dashboards(limited: Replicas) -> None:
    tries = []
    for number in range(7):
        with Visitor(limited.dashboard.urls[number % PROCESSES]) as visitor:
            tries.append(visitor.sign_in("wrong").status_code)
    assert tries == [401] * 5 + [429] * 2


def test_a_key_sent_to_both_processes_at_once_creates_one_store(replicas: Replicas) -> None:
    callers = [replicas.api.caller("ann", number) for number in range(PROCESSES)]
    for number in range(5):
        name, key = f"both-{number}", f"key-{number}"
        one, other = at_once(*(partial(keyed, caller, name, key) for caller in callers))
        assert (one.status_code, other.status_code) == (202, 202)
        assert one.json() == other.json()
        assert one.headers["Location"] == other.headers["Location"] == f"/api/v1/stores/{name}"
        assert [keyed(caller, f"different-{number}", key).status_code for caller in callers] == [422, 422]
        assert replicas.plane.client.find(API, "Store", f"different-{number}") is None


def test_a_write_through_one_process_is_read_through_the_other(replicas: Replicas) -> None:
    here, there = (replicas.api.caller("ben", number) for number in range(PROCESSES))
    for number in range(20):
        version = here.create(f"theirs-{number}").headers["Resource-Version"]
        page = there("GET", "/stores", params={"limit": 200}, headers={"Min-Resource-Version": version}).json()
        assert f"theirs-{number}" in {each["name"] for each in page["items"]}


def test_the_history_shows_what_was_done_through_the_other_process(replicas: Replicas) -> None:
    here, there = (replicas.api.caller("ann", number) for number in range(PROCESSES))
    here.create("recorded")
    found = wait_until(lambda: there.get("/audit", store="recorded")["items"], "it is recorded")
    assert {each["actor"] for each in found} == {"ann@example.com"}


def missed_after(visitor: Visitor, last_seen: str, name: str) -> list[Any]:
    """Return the stores that a page is notified of from there on, up to one."""
    with closing(visitor.get("/changes", stream=True, headers={"Last-Event-ID": last_seen})) as response:
        return [event.data.get("name") for event in until(read(response), "store", name) if event.kind]


def test_a_page_misses_nothing_when_its_api_process_is_killed(
    replicas: Replicas,
) -> None:
    assert of_streams(replicas) == [0, 0]
    with replicas.visitor() as ann:
        ann.sign_in(token_of(replicas.plane, "ann"))
        with closing(ann.get("/changes", stream=True)) as response:
            stream = read(response)
            next(stream)
            serving = of_streams(replicas).index(1)
            other = replicas.api.caller("ann", 1 - serving)
            assert other.create("heard").status_code == 202
            last_seen = until(stream, "store", "heard")[-1].id
            replicas.api.processes[serving].kill()
            await_end(response)
        try:
            for name in ("missed-1", "missed-2"):
                assert other.create(name).status_code == 202
            assert missed_after(ann, last_seen, "missed-2") == ["missed-1", "missed-2"]
        finally:
            replicas.api.start(serving)


def test_a_page_misses_nothing_when_its_dashboard_is_killed(replicas: Replicas) -> None:
    ben = replicas.caller("ben")
    with replicas.visitor() as visitor:
        visitor.sign_in(token_of(replicas.plane, "ben"))
        before = replicas.dashboard_balancer.taken.copy()
        with closing(visitor.get("/changes", stream=True)) as response:
            stream = read(response)
            next(stream)
            (port,) = replicas.dashboard_balancer.taken - before
            serving = [port_of(url) for url in replicas.dashboard.urls].index(port)
            assert ben.create("bens-heard").status_code == 202
            last_seen = until(stream, "store", "bens-heard")[-1].id
            replicas.dashboard.processes[serving].kill()
            await_end(response)
        try:
            assert ben.create("bens-missed").status_code == 202
            assert missed_after(visitor, last_seen, "bens-missed") == ["bens-missed"]
        finally:
            replicas.dashboard.start(serving)


def of_streams(replicas: Replicas) -> list[int]:
    """Return the number of streams of each API process."""
    return [int(replicas.api.metric("store_api_streams", number)) for number in range(PROCESSES)]


def await_end(response: requests.Response) -> None:
    """Read until the stream ends or breaks."""
    with suppress(requests.RequestException):
        for _ in response.iter_content(None):
            pass


def test_killing_an_api_process_loses_no_accepted_change(replicas: Replicas) -> None:
    owners, accepted, killed = 4, Counter[str](), threading.Event()
    names = [[f"kept-{owner}-{number}" for number in range(12)] for owner in range(owners)]

    def create(mine: list[str]) -> None:
        caller = replicas.caller("ben")
        for name in mine:
            answer = wait_until(partial(keyed, caller, name, name), f"{name} is answered")
            assert answer.status_code == 202
            assert answer.json()["name"] == name
            accepted[name] += 1
        assert killed.is_set(), "all was done before the kill: let there be more"

    with ThreadPoolExecutor(owners) as pool:
        writing = [pool.submit(create, mine) for mine in names]
        wait_until(lambda: len(accepted) > 6, "some are accepted")
        replicas.api.processes[0].kill()
        killed.set()
        for each in writing:
            each.result()
    try:
        made = {each["metadata"]["name"] for each in replicas.plane.client.list_all(API, "Store")}
        assert sorted(name for mine in names for name in mine) == sorted(accepted)
        assert accepted.keys() <= made
        assert all(replicas.caller("ben")("GET", f"/stores/{name}").ok for name in accepted)
        with replicas.visitor() as ben:
            ben.sign_in(token_of(replicas.plane, "ben"))
            assert "kept-0-0" in ben.get("/stores/kept-0-0/").text
    finally:
        replicas.api.start(0)
