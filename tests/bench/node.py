"""Measure ten stores at once on a real node: how long each takes until it is Ready, and the memory of each component.

``python -m tests.bench.node 10``, as root. Absolute times depend on the machine, so they are compared with one store
that is created alone, before the others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tests.cluster.waiting import wait_until
from tests.node import cgroups
from tests.node.cluster import Cluster, cluster
from tests.node.images import Images
from tests.node.node import why_not
from tests.node.stores import COMPONENTS, Stores

from .watched import Watched

LIMIT_SECONDS = 1800
# So that many stores fit on two cores. Limits are the local values', so no pod gets less time than there.
LITTLE = {"requests": {"cpu": "10m"}}
VALUES = {"hooks": {"settings": {"plans": {"small": {"resources": dict.fromkeys(COMPONENTS, LITTLE)}}}}}
PLATFORM = "store-platform"
MIB = 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=int, nargs="?", default=10)
    count: int = parser.parse_args().stores
    if reason := why_not():
        sys.exit(reason)
    images = Images()
    images.all()
    with cluster(images, values=VALUES) as made:
        stores = Stores(made)
        alone = _seconds_to_ready(stores, ["alone"])
        names = [f"shop-{number}" for number in range(count)]
        parts = {"control plane": made.plane.pids().values(), "node": _pids(made)}
        with Watched(parts) as watched:
            seconds = _seconds_to_ready(stores, names)
            for name in names:
                assert stores.shop(name).order()
            _print(alone["alone"], list(seconds.values()))
            _print_memory(_memory(stores, names), watched.memory())


def _pids(made: Cluster) -> list[int | None]:
    return [process.pid for process in made.node.processes.values()]


def _seconds_to_ready(stores: Stores, names: Iterable[str]) -> dict[str, float]:
    """Return the seconds of each, from its creation on; all are created at once."""
    began, found = time.monotonic(), dict[str, float]()
    waiting = list(names)
    for name in waiting:
        stores.apply(name)

    def all_ready() -> bool:
        for name in [each for each in waiting if stores.ready(each).get("status") == "True"]:
            waiting.remove(name)
            found[name] = time.monotonic() - began
        return not waiting

    wait_until(all_ready, "every store is Ready", LIMIT_SECONDS, interval=0.5)
    return found


def _memory(stores: Stores, names: Iterable[str]) -> dict[str, list[int]]:
    """Return the bytes of each pod's processes and page cache, by component."""
    found: dict[str, list[int]] = defaultdict(list)
    for namespace in (*(f"store-{name}" for name in names), PLATFORM):
        for pod in stores.pods(namespace):
            if pod["status"]["phase"] == "Running":
                labels: Mapping[str, Any] = pod["metadata"]["labels"]
                of = "a shop's" if namespace != PLATFORM else "the platform's"
                component = f"{of} {labels.get('app.kubernetes.io/component', pod['metadata']['name'])}"
                found[component].append(cgroups.memory(stores.real.node.group, pod["metadata"]["uid"]))
    return found


def _print(alone: float, seconds: list[float]) -> None:
    print(f"One store alone was Ready after {alone:.0f} s.")
    print(
        f"Of {len(seconds)} at once the first was Ready after {min(seconds):.0f} s, half of them after "
        f"{statistics.median(seconds):.0f} s, the last after {max(seconds):.0f} s: "
        f"{max(seconds) / alone / len(seconds):.2f} of the time that as many take one after the other."
    )


def _print_memory(pods: Mapping[str, list[int]], processes: Mapping[str, int]) -> None:
    """Print a Markdown table."""
    print("\n| part | pods | MiB each |\n| --- | ---: | ---: |")
    for component, sizes in sorted(pods.items()):
        print(f"| {component} | {len(sizes)} | {statistics.mean(sizes) / MIB:.0f} |")
    for name, size in processes.items():
        print(f"| the {name}'s processes | | {size / MIB:.0f} |")


if __name__ == "__main__":
    main()
