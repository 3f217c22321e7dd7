"""Measure each component's memory and processor time for a number of stores: while they are created, and idle.

``python -m tests.bench.sizing 100`` lets the platform create that many small stores, with pods, as fast as it can.
``python -m tests.bench.sizing 10000 --seeded`` creates what the platform would have made of suspended stores (see
seeding.py) and then starts the controller: for numbers whose creation would take hours here.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.api.server import USERS, Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.dashboard.server import Dashboard
from tests.stores.gate import Gate
from tests.stores.platform import Platform

from . import seeding
from .watched import Watched

# A whole minute, because an idle component works in bursts.
REST_SECONDS = 60
# Stores of many owners, and no limit that rejects them.
LIMITS = {"quota": {"owner": 100_000, "global": 1_000_000}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=int)
    parser.add_argument("--seeded", action="store_true", help="post what the platform would have made")
    options = parser.parse_args()
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(users=USERS))
        platform = stack.enter_context(Platform(plane))
        api = stack.enter_context(Api(plane))
        dashboard = stack.enter_context(Dashboard(api.url))
        mark = _seed(options.stores, platform) if options.seeded else None
        gate = stack.enter_context(Gate(plane, settings=LIMITS))  # after the seeding, which is not to be measured
        if options.seeded:
            platform.loop.start()
        components = {
            "hooks": [platform.hooks.pid],
            "metacontroller": [platform.loop.pid],
            "api": [each.pid for each in api.processes],
            "gate": [each.pid for each in gate.processes],
            "dashboard": [each.pid for each in dashboard.processes],
            **{name: [pid] for name, pid in plane.pids().items()},
        }
        with Watched(components) as watched:
            _measure(options.stores, platform, watched, mark)


def _seed(stores: int, platform: Platform) -> int:
    """Stop the controller and seed the stores; return the audit log's position after that."""
    seeding.check(platform)
    platform.loop.stop()
    print(f"seeded in {_timed(lambda: seeding.seed(platform, stores)):.0f} s", flush=True)
    return platform.plane.audit.mark()


def _measure(stores: int, platform: Platform, watched: Watched, seeded: int | None) -> None:
    """Measure and print. ``seeded``: the audit log's position before the controller saw the seeded stores."""
    before = watched.processor()
    if seeded is not None:
        name = "all asked for once"
        seconds = _timed(lambda: wait_until(lambda: _asked(platform) >= stores, "all are asked for", 1800, interval=2))
    else:
        name = "all made"
        seconds = _timed(lambda: _make(stores, platform))
    spent = _less(watched.processor(), before)
    _await_quiet(watched)
    if seeded is not None:
        written = [each for each in platform.plane.audit.writes(seeded) if each.user.endswith(":metacontroller")]
        kinds = Counter(f"{each.verb} {each.resource}" for each in written)
        print(f"the loop wrote {len(written)} times: {dict(kinds)}", flush=True)
    before, syncs = watched.processor(), platform.syncs()
    time.sleep(REST_SECONDS)
    resting = _less(watched.processor(), before)
    syncs = platform.syncs() - syncs
    print(f"\n{stores} stores, {name} in {seconds:.0f} s; idle, {syncs} syncs in {REST_SECONDS} s\n")
    _print(watched, {f"processor seconds: {name}": spent, f"processor seconds in {REST_SECONDS} s idle": resting})


def _print(watched: Watched, seconds: Mapping[str, Mapping[str, float]]) -> None:
    """Print a Markdown table with columns for idle memory and its peak, and one for each mapping of seconds."""
    rows = [["component", "MiB idle", "MiB at its peak", *seconds], ["---", *["---:"] * (2 + len(seconds))]]
    for component, size in watched.memory().items():
        peak = max(watched.peaks[component], size)
        rows.append(
            [component, str(size >> 20), str(peak >> 20), *(f"{each[component]:.1f}" for each in seconds.values())]
        )
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def _make(stores: int, platform: Platform) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: platform.apply(f"shop-{number}", owner=f"owner-{number}"), range(stores)))

    wait_until(lambda: len(platform.in_phase("Ready")) >= stores, "every Store is Ready", 7200, interval=5)


def _asked(platform: Platform) -> int:
    """Return for how many seeded stores the hooks were called."""
    lines = platform.hooks_lines()
    return len({line["store"] for line in lines if str(line.get("store", "")).startswith(seeding.SEEDED)})


def _await_quiet(watched: Watched) -> None:
    """Wait at most three minutes until the platform uses less than a twentieth of a processor: it may never be idle."""
    for _ in range(18):
        before = watched.processor()
        time.sleep(10)
        spent = _less(watched.processor(), before)
        if sum(spent[name] for name in ("hooks", "metacontroller", "api", "gate", "dashboard")) < 0.5:
            return


def _less(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in after.items()}


def _timed(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
