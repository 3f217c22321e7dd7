"""Measure the cost of relating pods (the controller's customize hook): Metacontroller's processor time per pod event,
with and without the hook, with many Stores. Each event is matched against every Store.

``python -m tests.bench.pod_diagnosis 1000``: the number of Stores. They are rejected ones, so that they have no
children and only pod events cause work.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
from rich.console import Console
from rich.table import Table

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.loops import find_metacontroller
from tests.cluster.waiting import wait_until
from tests.stores.platform import API, Platform, shipped

PODS, CHANGES = 50, 10


def main(stores: int) -> None:
    """Measure and print."""
    console = Console()
    if not find_metacontroller():
        console.print("This needs Metacontroller: put it on the PATH or name it by METACONTROLLER.")
        return
    table = Table("pods related", "events", "processor ms an event", title=f"{stores} Stores")
    slow = {"resyncSeconds": {"settled": 36000, "changing": 36000}}  # retries must not be measured
    with ControlPlane() as plane, Platform(plane, settings=slow) as platform:
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda number: platform.apply(f"s{number}", plan="none"), range(stores)))
        wait_until(lambda: _answered(platform, stores), "every Store is answered", 900, interval=2)
        pods = [_pod(platform, number) for number in range(PODS)]
        costs = {}
        for related in (True, False):
            _relate(platform, related)
            seconds = _quiet(platform)
            with ThreadPoolExecutor(4) as threads:
                for change in range(CHANGES):
                    list(threads.map(lambda pod, c=change: _touch(platform, pod, c), pods))
            spent = _quiet(platform) - seconds
            costs[related] = spent / (PODS * CHANGES) * 1000
            table.add_row("yes" if related else "no", str(PODS * CHANGES), f"{costs[related]:.2f}")
    console.print(table)
    console.print(f"an event costs {costs[True] - costs[False]:.2f} ms more where pods are related")


def _answered(platform: Platform, stores: int) -> bool:
    found = platform.client.list_all(API, "Store")
    return len(found) == stores and all(store.get("status") for store in found)


def _pod(platform: Platform, number: int) -> Object:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pod-{number}", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "c:1"}], "schedulerName": "none"},
    }
    platform.client.create(pod)
    return pod


def _touch(platform: Platform, pod: Object, change: int) -> None:
    platform.client.patch(pod, {"metadata": {"annotations": {"change": str(change)}}})


def _relate(platform: Platform, related: bool) -> None:
    """Restart with or without the customize hook, and wait until every Store was synced again."""
    (controller,) = shipped("controller.yaml")
    platform.loop.stop()
    for hook in controller["spec"]["hooks"].values():
        hook["webhook"]["url"] = platform.url + hook["webhook"].pop("path")
        del hook["webhook"]["service"]
    if not related:
        del controller["spec"]["hooks"]["customize"]
    platform.client.apply(controller, field_manager="tests")
    before = platform.syncs()
    platform.loop.start()
    stores = len(platform.client.list_all(API, "Store"))
    wait_until(lambda: platform.syncs() - before >= stores, "every Store was asked for", 900, interval=1)


def _quiet(platform: Platform) -> float:
    """Return Metacontroller's processor seconds so far, once it is nearly idle."""
    process = psutil.Process(platform.loop.pid)
    last = [0.0]

    def rests() -> bool:
        now = sum(process.cpu_times()[:2])
        resting, last[0] = now - last[0] < 0.05, now
        return resting

    wait_until(rests, "Metacontroller rests", 900, interval=2)
    return last[0]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
