"""Measure how fast stores are created, and what that costs: by the platform, a bare client, and an operator of another
kind.

``python -m tests.bench.rate 30`` creates 30 small stores at once, each kind in turn, twice, on one control plane with
simulated nodes. The bare client creates the same objects with 16 threads and waits for nothing. The twin is a kopf
operator (twin.py) that creates them stage by stage, each once the previous one is ready. The rate is measured until the
client is done, and processor time until everything is ready. Absolute numbers mean little: the last table compares
kinds that ran within minutes on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from storeplatform.hooks.core.objects import Key
from storeplatform.hooks.settings import load_settings
from storeplatform.templates import ENGINES
from tests.cluster.client import Client, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.processes import Process
from tests.cluster.waiting import wait_until
from tests.hooks.world import World, store
from tests.stores.platform import Platform

from .twin import API as TWIN_API
from .twin import CRD, EXAMPLE, create_all, does_its_work, named
from .watched import Watched

ROUNDS, THREADS = 2, 16
LIMIT_SECONDS = 1800
USERS = {"bare": User("bare", ("system:masters",)), "twin": User("twin", ("system:masters",))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=int, nargs="?", default=30)
    stores: int = parser.parse_args().stores
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(users=USERS))
        platform = stack.enter_context(Platform(plane))
        shape = platform.home / "shape.json"
        shape.write_text(json.dumps(stages(platform.home)))
        bare = plane.client_for("bare")
        stack.callback(bare.close)
        twin = _start_twin(plane, platform.home, shape)
        stack.callback(twin.stop)
        parts = {
            "API server and etcd": [plane.pids()[name] for name in ("kube-apiserver", "etcd")],
            "Metacontroller": [platform.loop.pid],
            "hooks": [platform.hooks.pid],
            "twin": [twin.pid],
            "all, with this client": [os.getpid()],  # every other process is one of its children
        }
        makers: dict[str, tuple[str, Callable[[range], None]]] = {
            "ours": ("system:serviceaccount:metacontroller:metacontroller", lambda names: _ours(platform, names)),
            "bare": ("bare", lambda names: _bare(bare, shape, names)),
            "twin": ("twin", lambda names: _twin(plane, names)),
        }
        watched = Watched(parts)  # not entered: to look at memory all the time takes what is measured here
        for number in range(ROUNDS):
            names = range(number * stores, (number + 1) * stores)
            rows = {name: _measured(plane, watched, *each, names) for name, each in makers.items()}
            _print(f"round {number + 1}, {stores} stores at once", rows)


def stages(home: Path) -> list[list[Object]]:
    """Return the objects of a small store, in the order of its stages; the store is called ``EXAMPLE``."""
    settings = load_settings(home / "settings.yaml", ENGINES, home / "root.key")
    world, found = World(settings, store(EXAMPLE)), []
    while True:
        known = set(world.observed)
        answer = world.step()
        found.append([each for each in answer["children"] if Key.of(each) not in known])
        if answer["status"]["phase"] == "Ready":
            return [stage for stage in found if stage]


def _start_twin(plane: ControlPlane, home: Path, shape: Path) -> Process:
    plane.client.apply(CRD)
    wait_until(lambda: plane.client.list_all(TWIN_API, "Twin") is not None, "twins are served")
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "--all-namespaces", "--module", "tests.bench.twin"]
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig("twin")), "TWIN_SHAPE": str(shape)}
    twin = Process("the twin", command, home / "twin.log", environment)
    twin.start()
    return twin


def _ours(platform: Platform, numbers: range) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: platform.apply(f"ours-{number}", owner=f"owner-{number}"), numbers))
    names = {f"ours-{number}" for number in numbers}
    wait_until(lambda: names <= platform.in_phase("Ready"), "every Store is Ready", LIMIT_SECONDS, interval=0.5)


def _bare(client: Client, shape: Path, numbers: range) -> None:
    example = shape.read_text()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: create_all(client, named(example, f"bare-{number}")), numbers))


def _twin(plane: ControlPlane, numbers: range) -> None:
    for number in numbers:
        plane.client.create({"apiVersion": TWIN_API, "kind": "Twin", "metadata": {"name": f"twin-{number}"}})
    names = {f"twin-{number}" for number in numbers}

    def made() -> bool:
        twins = plane.client.list_all(TWIN_API, "Twin")
        return names <= {each["metadata"]["name"] for each in twins if each.get("status", {}).get("ready")}

    wait_until(made, "every twin is ready", LIMIT_SECONDS, interval=0.5)


def _measured(
    plane: ControlPlane, watched: Watched, user: str, make: Callable[[range], None], numbers: range
) -> dict[str, float]:
    """Return stores per second; per store, processor seconds by component and calls by verb of that user."""
    mark, before, began = plane.audit.mark(), watched.processor(), time.monotonic()
    make(numbers)
    seconds = time.monotonic() - began
    wait_until(lambda: _works(plane.client), "all that was created does its work", LIMIT_SECONDS, interval=0.5)
    after = watched.processor()
    calls = Counter(each.verb for each in plane.audit.requests(mark) if each.user == user)
    return {
        "stores/s": len(numbers) / seconds,
        **{f"{part}, processor s": (after[part] - before[part]) / len(numbers) for part in after},
        **{f"{verb} calls": count / len(numbers) for verb, count in calls.most_common()},
    }


def _works(client: Client) -> bool:
    """Whether every workload and Job of the cluster is ready or complete."""
    kinds = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1"}
    return all(does_its_work(kind, each) for kind, version in kinds.items() for each in client.list_all(version, kind))


def _print(title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print a Markdown table with a column for each kind, and the important ratios."""
    print(f"\n{title}\n\n| a store | {' | '.join(rows)} |\n| --- |{' ---: |' * len(rows)}")
    for what in dict.fromkeys(what for row in rows.values() for what in row):
        print(f"| {what} | {' | '.join(f'{row.get(what, 0):.2f}' for row in rows.values())} |")
    ours, bare, twin = rows["ours"], rows["bare"], rows["twin"]
    servers = "API server and etcd, processor s"
    print(
        f"\nstores/s: {ours['stores/s'] / bare['stores/s']:.2f} of bare, {ours['stores/s'] / twin['stores/s']:.2f} of "
        f"the twin; API server: {ours[servers] / bare[servers]:.2f} of bare",
        flush=True,
    )


if __name__ == "__main__":
    main()
