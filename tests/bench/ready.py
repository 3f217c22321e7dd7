"""How long one store takes until it is Ready on an idle platform: ``python -m tests.bench.ready 10``.

The ratio is to what Kubernetes itself needs: a client that creates the same objects in the same order, each stage as
soon as the one before does its work, and decides nothing. Nodes are simulated, so no container's start is in it. Both
take turns, so that they share whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.waiting import wait_until
from tests.stores.platform import Platform

from .rate import stages
from .twin import create_all, named, ready

LIMIT_SECONDS = 60
# How often either is looked at, and so how exact a figure is.
LOOK_SECONDS = 0.01
WORKS = ("Job", "Deployment", "StatefulSet")
USERS = {"bare": User("bare", ("system:masters",))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=int, nargs="?", default=10)
    stores: int = parser.parse_args().stores
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(users=USERS))
        platform = stack.enter_context(Platform(plane))
        bare = plane.client_for("bare")
        stack.callback(bare.close)
        shape = json.dumps(stages(platform.home))
        # The first of each finds caches empty.
        makers: tuple[Callable[[int], None], ...] = (
            lambda number: _ours(platform, number),
            lambda number: _bare(bare, shape, number),
        )
        rounds = [[_seconds(make, number) for make in makers] for number in range(stores + 1)][1:]
    ours, floor = (statistics.median(column) for column in zip(*rounds, strict=True))
    print("\n| a store | ours, s | Kubernetes alone, s |\n| ---: | ---: | ---: |")
    for number, (mine, its) in enumerate(rounds):
        print(f"| {number + 1} | {mine:.2f} | {its:.2f} |")
    print(f"| median | {ours:.2f} | {floor:.2f} |\n\nours: {ours / floor:.2f} times as long", flush=True)


def _seconds(make: Callable[[int], None], number: int) -> float:
    began = time.monotonic()
    make(number)
    return time.monotonic() - began


def _ours(platform: Platform, number: int) -> None:
    platform.apply(f"ours-{number}")

    def is_ready() -> bool:
        return bool(platform.store(f"ours-{number}").get("status", {}).get("phase") == "Ready")

    wait_until(is_ready, "the Store is Ready", LIMIT_SECONDS, interval=LOOK_SECONDS)


def _bare(client: Client, shape: str, number: int) -> None:
    for stage in named(shape, f"bare-{number}"):
        create_all(client, [stage])
        for each in stage:
            if each["kind"] in WORKS:
                wait_until(
                    lambda obj=each: ready(client, obj), "it does its work", LIMIT_SECONDS, interval=LOOK_SECONDS
                )


if __name__ == "__main__":
    main()
