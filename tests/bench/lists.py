"""Measure API and dashboard for a page of 50 stores among many, compared with a response that reads no store.

Each is requested in turn, by one caller on one connection. ``python -m tests.bench.lists [stores]``, 10,000 by default.
"""

from __future__ import annotations

import http.client
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
from rich.console import Console
from rich.table import Table

from tests.api.conftest import install
from tests.api.server import USERS, Api, token_of
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.platform import API

ROUNDS = 100
PAGES = {
    "who am I (no store)": "/me",
    "the first page": "/stores?limit=50",
    "by phase": "/stores?limit=50&sort=-phase",
    "a search": "/stores?limit=50&text=shop-77",
    "one owner's": "/stores?limit=50&owner=owner-7",
}
PHASES = ("Ready", "Ready", "Ready", "Suspended", "Provisioning", "Failed")


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    console = Console()
    with ControlPlane(users=USERS) as plane:
        install(plane)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: _make(plane.client, number), range(count)))
        with Api(plane) as api:
            waits = _ask(api.url, token_of(plane, "ada"))
            with Dashboard(api.url) as dashboard, Visitor(dashboard.url) as visitor:
                visitor.sign_in(token_of(plane, "ada"))
                waits["the dashboard's first page"] = [_timed(lambda: visitor.get("/")) for _ in range(ROUNDS)]
            memory = sum(each.memory_info().rss for each in _processes(api.processes[0].pid or 0))
    table = Table("page", "p50 ms", "p95 ms", "times the first", title=f"{count} stores, {memory >> 20} MiB")
    least = statistics.median(waits["who am I (no store)"])
    for name, taken in waits.items():
        cuts = statistics.quantiles(taken, n=20)
        table.add_row(name, f"{cuts[9] * 1e3:.1f}", f"{cuts[18] * 1e3:.1f}", f"{cuts[9] / least:.1f}")
    console.print(table)


def _make(client: Client, number: int) -> None:
    spec = {"engine": "medusa", "owner": f"owner-{number % 2000}", "plan": ("small", "medium", "large")[number % 3]}
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": f"shop-{number}"}}
    client.create({**store, "spec": spec})
    phase = PHASES[number % len(PHASES)]
    ready = {"type": "Ready", "status": str(phase == "Ready"), "reason": "Because", "message": "the shop is open " * 4}
    conditions = [{**ready, "lastTransitionTime": "2030-01-01T00:00:00Z"}]
    status = {"phase": phase, "url": f"http://shop-{number}.stores.localhost", "conditions": conditions}
    client.patch(store, {"status": status}, "status")


def _ask(url: str, token: str) -> dict[str, list[float]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    waits: dict[str, list[float]] = {name: [] for name in PAGES}
    for _ in range(ROUNDS):
        for name, path in PAGES.items():
            began = time.perf_counter()
            connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            waits[name].append(time.perf_counter() - began)
            assert answer.status == 200
    connection.close()
    return waits


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def _processes(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


if __name__ == "__main__":
    main()
