"""Measure what many stores cost each route and page: p95 with many stores of many owners as a multiple of p95 with a
hundred.

``python -m tests.bench.scale [stores]``, 10,000 by default, three per owner.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rich.console import Console
from rich.table import Table

from storeplatform.api.storequotas import quota_name
from tests.api.conftest import install
from tests.api.server import USERS, Api, token_of
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.platform import API

from .load import asking

FEW = 100
ROUNDS = 100
PHASES = ("Ready", "Ready", "Ready", "Suspended", "Provisioning", "Failed")
TARGET = 4.0

ROUTES = {
    "an owner": ("/me", "/stores", "/stores/shop-1", "/quota", "/audit", "/plans"),
    "an admin": (
        "/stores?limit=50",
        "/stores?limit=50&sort=-phase",
        "/stores?limit=50&sort=-createdAt",
        "/stores?limit=50&text=shop-77",
        "/stores?limit=50&phase=Failed",
        "/quotas",
        "/audit",
    ),
}
PAGES = ("/", "/stores/new", "/quotas", "/audit")


def main() -> None:
    """Measure and print."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with ControlPlane(users=USERS) as plane:
        install(plane)
        taken = []
        made = 0
        for stores in (FEW, many):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(partial(_make, plane.client), range(made, stores)))
            made = stores
            taken.append(_measure(plane, stores))
    title = f"{many} stores of {many // 3} owners, beside {FEW} of {FEW // 3}"
    table = Table("who", "what", f"p95 with {FEW}", f"p95 with {many}", "ratio", "target", title=title)
    for (who, what), few in taken[0].items():
        ratio = taken[1][who, what] / few
        table.add_row(
            who, what, f"{few * 1e3:.1f} ms", f"{taken[1][who, what] * 1e3:.1f} ms", f"{ratio:.1f}", f"<= {TARGET:g}"
        )
    Console(width=120).print(table)


def _measure(plane: ControlPlane, stores: int) -> dict[tuple[str, str], float]:
    ann, ada = token_of(plane, "ann"), token_of(plane, "ada")
    found: dict[tuple[str, str], float] = {}
    with Api(plane) as api, Dashboard(api.url, {"rates": {"signIn": "100/minute"}}) as dashboard:
        wait_until(lambda: api.metric("store_api_cache_stores") == stores, "all stores are seen", 120)
        for who, token in (("an owner", ann), ("an admin", ada)):
            for path in ROUTES[who]:
                found[who, f"API {path}"] = _p95(asking(api.url, token, "GET", path))
            with Visitor(dashboard.url) as visitor:
                visitor.sign_in(token)
                for path in PAGES[: 2 if who == "an owner" else None]:
                    found[who, f"page {path}"] = _p95(partial(_see, visitor, path))
    return found


def _see(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).ok


def _p95(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[18]


def _make(client: Client, number: int) -> None:
    """Create a store; the first three are ann's. Every owner has a StoreQuota, as the gate would have created it."""
    owner = "ann@example.com" if number < 3 else f"owner-{number // 3}"
    spec = {"engine": "medusa", "owner": owner, "plan": ("small", "medium", "large")[number % 3]}
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": f"shop-{number}"}}
    client.create({**store, "spec": spec})
    if number % 3 == 0:
        quota = {"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": quota_name(owner)}}
        client.create({**quota, "spec": {"owner": owner}})
    phase = PHASES[number % len(PHASES)]
    ready = {"type": "Ready", "status": str(phase == "Ready"), "reason": "Because", "message": "the shop is open " * 4}
    conditions = [{**ready, "lastTransitionTime": "2030-01-01T00:00:00Z"}]
    status = {"phase": phase, "url": f"http://shop-{number}.stores.localhost", "conditions": conditions}
    client.patch(store, {"status": status}, "status")


if __name__ == "__main__":
    main()
