"""Measure what idle or slow clients cost active ones: per service, p95 with them as a multiple of p95 without.

Also sixty concurrent creations of one owner, as a multiple of the time of sixty sequential ones. ``python -m
tests.bench.load``; the target is in the last column.
"""

from __future__ import annotations

import http.client
import json
import resource
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import psutil
from rich.console import Console
from rich.table import Table

from tests.api.issuer import Issuer
from tests.api.server import RATES, USERS, Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import Process
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.gate import Gate

IDLE, STREAMS, SLOW = 5000, 2000, 500
ROUNDS = 100
AT_ONCE = 60
OWNERS = 100
# So that no address holds all of a service's connections.
SOURCES = 8
MANY = {"quota": {"owner": 100_000, "global": 1_000_000}}

numbers = count(1)


@dataclass
class Row:
    """``ratio``: the result; ``memory``: the service's, in MiB, under the load."""

    what: str
    before: str
    under: str
    ratio: float
    target: float
    memory: str = ""


@dataclass
class Peers:
    """Connections that wait: idle, with a stream, or sending a byte per second."""

    port: int
    opened: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        source = f"127.0.0.{2 + len(self.opened) % SOURCES}"
        self.opened.append(socket.create_connection(("127.0.0.1", self.port), 30, (source, 0)))
        return self.opened[-1]

    def idle(self, number: int) -> None:
        for _ in range(number):
            self.connect()

    def streams(self, requests: list[bytes]) -> None:
        """Open streams; each is open once its first bytes have arrived."""
        begun = [self.connect() for _ in requests]
        for each, request in zip(begun, requests, strict=True):
            each.sendall(request)
        for each in begun:
            first = each.recv(15)
            assert first.startswith(b"HTTP/1.1 200"), first

    @contextmanager
    def slow(self, number: int) -> Iterator[None]:
        """Send headers at one byte per second; reconnect when disconnected."""
        opened = [self.connect() for _ in range(number)]
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(1):
                for index, each in enumerate(opened):
                    try:
                        each.sendall(b"G")
                    except OSError:
                        each.close()
                        opened[index] = self.connect()

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        for each in self.opened:
            each.close()


def p95(call: Callable[[], None], rounds: int = ROUNDS) -> float:
    """Return the 95th percentile in seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[18]


def asking(
    url: str, token: str, method: str, path: str, body: Callable[[], object] | None = None
) -> Callable[[], None]:
    """Send a request on a connection that is kept open."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask() -> None:
        connection.request(method, f"/api/v1{path}", json.dumps(body()) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text

    return ask


def new_store() -> object:
    number = next(numbers)
    return {"name": f"load-{number}", "spec": {"engine": "medusa", "owner": f"owner-{number}"}}


def memory(process: Process) -> str:
    parent = psutil.Process(process.pid)
    return str(sum(each.memory_info().rss for each in (parent, *parent.children(recursive=True))) >> 20)


def main() -> None:
    """Measure and print."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer())
        plane = stack.enter_context(ControlPlane(users=USERS))
        gate = stack.enter_context(Gate(plane, settings=MANY))
        settings = {"oidc": issuer.settings(), "rates": RATES, "audit": gate.settings["audit"]}
        api = stack.enter_context(Api(plane, settings=settings))
        dashboard = stack.enter_context(Dashboard(api.url, {"rates": {"signIn": "1000/minute"}}))
        ada = token_of(plane, "ada")
        rows = [
            *_at_the_api(api, issuer, ada),
            *_at_the_dashboard(dashboard, issuer, ada),
            *_at_the_gate(gate, api, ada),
            _creates_at_once(api, ada),
        ]
    table = Table(
        "what", "without", "under", "ratio", "target", "MiB", title=f"{IDLE} idle, {STREAMS} streams, {SLOW} slow"
    )
    for row in rows:
        table.add_row(row.what, row.before, row.under, f"{row.ratio:.1f}", f"<= {row.target:g}", row.memory)
    Console(width=120).print(table)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _compare(
    calls: dict[str, Callable[[], None]], peers: Peers, load: Callable[[], None], process: Process
) -> list[Row]:
    before = {name: p95(call) for name, call in calls.items()}
    load()
    with peers.slow(SLOW):
        under = {name: p95(call) for name, call in calls.items()}
        taken = memory(process)
    peers.close()
    return [
        Row(name, f"{before[name] * 1e3:.1f} ms", f"{under[name] * 1e3:.1f} ms", under[name] / before[name], 4, taken)
        for name in calls
    ]


def _at_the_api(api: Api, issuer: Issuer, ada: str) -> list[Row]:
    calls = {
        "API: /me": asking(api.url, ada, "GET", "/me"),
        "API: create": asking(api.url, ada, "POST", "/stores", new_store),
    }
    tokens = [issuer.token(f"viewer-{number}", exp=time.time() + 3600) for number in range(OWNERS)]
    asking(api.url, tokens[0], "GET", "/me")()  # the issuer's keys are cached from then on
    stream = "GET /api/v1/changes HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {}\r\n\r\n"
    peers = Peers(int(api.url.rpartition(":")[2]))

    def load() -> None:
        peers.idle(IDLE)
        peers.streams([stream.format(tokens[number % OWNERS]).encode() for number in range(STREAMS)])

    return _compare(calls, peers, load, api.processes[0])


def _at_the_dashboard(dashboard: Dashboard, issuer: Issuer, ada: str) -> list[Row]:
    with ExitStack() as stack:
        reader = stack.enter_context(Visitor(dashboard.url))
        reader.sign_in(ada)
        cookies = []
        for number in range(OWNERS):
            viewer = stack.enter_context(Visitor(dashboard.url))
            assert viewer.sign_in(issuer.token(f"viewer-{number}", exp=time.time() + 3600)).status_code == 200
            cookies.append("; ".join(f"{cookie.name}={cookie.value}" for cookie in viewer.session.cookies))
        stream = "GET /changes HTTP/1.1\r\nHost: dashboard\r\nCookie: {}\r\n\r\n"
        peers = Peers(int(dashboard.url.rpartition(":")[2]))

        def load() -> None:
            peers.idle(IDLE)
            peers.streams([stream.format(cookies[number % OWNERS]).encode() for number in range(STREAMS)])

        pages = {"list": "/", "sign-in page": "/signin"}
        calls = {f"dashboard: {name}": partial(_seen, reader, path) for name, path in pages.items()}
        return _compare(calls, peers, load, dashboard.processes[0])


def _seen(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 200


def _at_the_gate(gate: Gate, api: Api, ada: str) -> list[Row]:
    peers = Peers(gate.ports[0])
    calls = {"gate: create through it": asking(api.url, ada, "POST", "/stores", new_store)}

    def load() -> None:
        peers.idle(IDLE)

    return _compare(calls, peers, load, gate.processes[0])


def _creates_at_once(api: Api, ada: str) -> Row:
    def create(owner: str, name: str) -> int:
        body = {"name": name, "spec": {"engine": "medusa", "owner": owner}}
        connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=30)
        headers = {"Authorization": f"Bearer {ada}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/stores", json.dumps(body), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    began = time.perf_counter()
    in_a_row = [create("row", f"row-{number}") for number in range(AT_ONCE)]
    row_seconds = time.perf_counter() - began
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        at_once = list(pool.map(lambda number: create("once", f"once-{number}"), range(AT_ONCE)))
    once_seconds = time.perf_counter() - began
    assert set(in_a_row) == {202}
    failed = sum(status != 202 for status in at_once)
    what = f"{AT_ONCE} creations at once ({failed} failed)"
    return Row(what, f"{row_seconds:.1f} s in a row", f"{once_seconds:.1f} s", once_seconds / row_seconds, 2)


if __name__ == "__main__":
    main()
