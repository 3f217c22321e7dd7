"""Compare the exploration's simulated cluster with a real one: the same histories end with the same statuses.

Some changes follow one another immediately, while the real controllers are still working; the final states are
compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from storeplatform.hooks.settings import load_settings
from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import WaitTimeout, wait_until
from tests.hooks.simulation import Data, Simulation
from tests.hooks.world import store
from tests.values import write_settings

from .engines import FAILING, GOOD, STAGES, with_more_versions
from .platform import API, Platform

OLD = "2.21.2"
HISTORIES = [f"history-{number}" for number in range(6)]
LENGTH = 7
# Changes that may be followed by any other before they are done, with the same result wherever they were interrupted.
INTERRUPTIBLE = {"plan", "restartedAt"}


@pytest.fixture(scope="module")
def both(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, dict[str, Simulation]]]:
    """A platform, and a simulation of each store that the test creates on it."""
    home = tmp_path_factory.mktemp("replay")
    engines = with_more_versions(home)
    (home / "root.key").write_text("a root key for tests, the same in every run")
    settings = load_settings(write_settings("hooks", home / "settings.yaml"), engines, home / "root.key")
    quick = {"resyncSeconds": {"settled": 600, "changing": 1}}
    with ControlPlane(extra_stages=STAGES) as plane, Platform(plane, engines=engines, settings=quick) as platform:
        yield platform, {name: _simulated(settings, name) for name in HISTORIES}


def _simulated(settings: Any, name: str) -> Simulation:
    simulation = Simulation(settings, store(name, version=OLD), unmigratable=FAILING)
    # On the simulated nodes of the real cluster every Job of a known image succeeds.
    simulation.truth.archives["latest"] = Data("", OLD)
    return simulation


def operations(name: str) -> list[tuple[Object, bool]]:
    """Return changes of the spec, the same in every run, each with whether it is awaited before the next."""
    rng = random.Random(name)

    def change(number: int) -> Object:
        asked = f"2026-01-01T00:{number:02}:00Z"
        choices: list[Object] = [
            {"suspended": True},
            {"suspended": False},
            {"version": rng.choice([OLD, GOOD, FAILING])},
            {"restoreFrom": {"backup": "latest", "requestedAt": asked}},
            {"restoreFrom": None},
            {"hostname": rng.choice([None, f"{name}.example.com", f"{name}.example.org"])},
            {"plan": rng.choice(["small", "medium"])},
            {"restartedAt": asked},
            {"backup": rng.choice([None, {"schedule": "0 3 1 1 *"}])},
        ]
        return rng.choice(choices)

    made = [change(number) for number in range(LENGTH)]
    return [
        *((each, not each.keys() <= INTERRUPTIBLE or rng.random() < 0.5) for each in made),
        ({"suspended": False}, True),
    ]


def test_histories_end_with_the_same_statuses_on_the_real_cluster(both: tuple[Platform, dict[str, Simulation]]) -> None:
    platform, simulations = both
    for name in HISTORIES:
        platform.apply(name, version=OLD)
        simulations[name].settle()
    histories = {name: operations(name) for name in HISTORIES}
    for name in HISTORIES:
        _same(platform, name, simulations[name], [])
    for number in range(LENGTH + 1):
        for name in HISTORIES:
            change, awaited = histories[name][number]
            simulations[name].change(**change)
            platform.client.patch(store(name), {"spec": change})
            if awaited:
                simulations[name].settle()
            else:
                simulations[name].sync()
        for name in HISTORIES:
            if histories[name][number][1]:
                _same(platform, name, simulations[name], histories[name][: number + 1])


def _same(platform: Platform, name: str, simulation: Simulation, history: list[Any]) -> None:
    """Wait until both report the same.

    :raise AssertionError: they do not; with the history, and both reports.
    """
    expected = _report(simulation.status, [str(key).partition("-")[0] for key in simulation.live])
    seen: list[Any] = []

    def reached() -> bool:
        found = platform.client.get(API, "Store", name)
        children = [f"{c['kind']} {c['metadata']['name']}".partition("-")[0] for c in platform.children(name)]
        current = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
        seen[:] = [_report(found.get("status", {}), children)]
        return current and seen[0] == expected

    try:
        wait_until(reached, f"{name} is as simulated", 90, interval=0.5)
    except WaitTimeout:
        raise AssertionError(f"after {history}: simulated {expected}, real {seen}") from None


def _report(status: Object, children: list[str]) -> Object:
    """Return what is compared of a status: without times and messages, and with the children's identities."""
    release = status.get("release", {})
    return {
        "phase": status.get("phase"),
        "url": status.get("url"),
        "restored": (status.get("restored"), status.get("restoredRequest"), status.get("restores")),
        "release": {key: release.get(key) for key in ("target", "running", "previous", "rejected", "restore")},
        "conditions": [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", [])],
        "children": sorted(children),
    }
