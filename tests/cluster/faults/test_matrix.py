"""The hooks, the loop or the API server is killed on a store's way: it becomes what it would have been.

Compared object by object with a run in which nothing fails. No volume is lost and no Secret changed on the way. The
matrix is printed at the end.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.client import Object
from tests.cluster.components import NodeTimes
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.waiting import wait_until
from tests.stores.compare import by_identity
from tests.stores.engines import STAGES as BAD_PODS
from tests.stores.engines import with_more_versions
from tests.stores.platform import Platform

from .processes import PROCESSES, find, start

__all__ = ["binary"]

ROWS = [(process, stage) for process, its in PROCESSES.items() for stage in its.stages]
DATA = ("PersistentVolumeClaim", "Secret")
LOOKS = 6


def kill_hooks(platform: Platform) -> None:
    platform.hooks.kill()
    platform.start_hooks()


def kill_loop(platform: Platform) -> None:
    platform.loop.kill()
    platform.loop.start()


def kill_api_server(platform: Platform) -> None:
    platform.plane.kill("kube-apiserver")
    platform.plane.start_component("kube-apiserver")


FAULTS: dict[str, Callable[[Platform], None]] = {
    "hooks": kill_hooks,
    "loop": kill_loop,
    "API server": kill_api_server,
}


def rows_of(fault: str) -> list[tuple[str, str]]:
    """The stages at which a fault is made. The API server's: all of a creation, the middle one of the rest.

    Its clients wait longer after each of its deaths, up to half a minute; one death a stage would take an hour.
    """
    if fault != "API server":
        return ROWS
    middles = {(process, its.stages[len(its.stages) // 2]) for process, its in PROCESSES.items()}
    return [(process, stage) for process, stage in ROWS if process == "create" or (process, stage) in middles]


CELLS = [(fault, process, stage) for fault in FAULTS for process, stage in rows_of(fault)]


@pytest.fixture(scope="module")
def platform(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a version that works and one whose migration fails; every store is where it begins."""
    engines = with_more_versions(tmp_path_factory.mktemp("engines"))
    settings = {"resyncSeconds": {"settled": 600, "changing": 2}}
    # The node is not to be lost here, but its lease can't be renewed while the API server is away time after time.
    patient = NodeTimes(grace_seconds=3600)
    with (
        ControlPlane(extra_stages=BAD_PODS, times=patient) as plane,
        Platform(plane, engines=engines, settings=settings) as platform,
    ):
        start(platform, {f"plain-{process}": its for process, its in PROCESSES.items()})
        start(platform, {name_of(p, stage, fault): PROCESSES[p] for fault, p, stage in CELLS})
        yield platform


def name_of(process: str, stage: str, fault: str) -> str:
    """The store of one cell of the matrix."""
    return f"{process}-{stage}-{fault}".lower().replace(" ", "-")


@pytest.fixture(scope="module")
def undisturbed(platform: Platform) -> dict[str, dict[str, str]]:
    """What each process ends with when nothing fails."""
    found = {}
    for process, its in PROCESSES.items():
        name = f"plain-{process}"
        its.set_off(platform, name)
        wait_until(lambda p=its, n=name: p.ended(find(platform, n)), f"{name} is through", 120)
    for process in PROCESSES:
        found[process] = at_rest(platform, f"plain-{process}")
    return found


def at_rest(platform: Platform, name: str) -> dict[str, str]:
    """Every object of a store once they have stayed the same for so many looks: what is no longer named goes last."""
    seen: list[dict[str, str]] = []

    def rests() -> bool:
        seen.append(settled(platform, name))
        return len(seen) >= LOOKS and all(look == seen[-1] for look in seen[-LOOKS:])

    wait_until(rests, f"{name} is at rest", 60, interval=0.5)
    return seen[-1]


@pytest.fixture(scope="module")
def matrix(pytestconfig: pytest.Config) -> Iterator[dict[tuple[str, str, str], str]]:
    """What came of each fault at each stage; printed when all are through."""
    results: dict[tuple[str, str, str], str] = {}
    yield results
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    lines = [f"{'killed at':<26}" + "".join(f"{fault:>14}" for fault in FAULTS)]
    for process, stage in ROWS:
        row = "".join(f"{results.get((process, stage, fault), '-'):>14}" for fault in FAULTS)
        lines.append(f"{process + ' ' + stage:<26}{row}")
    assert reporter
    reporter.write_line("")
    for line in lines:
        reporter.write_line(line)


@pytest.mark.parametrize(("fault", "process", "stage"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_a_fault_at_any_stage_changes_nothing_of_what_comes_of_it(
    platform: Platform,
    undisturbed: dict[str, dict[str, str]],
    matrix: dict[tuple[str, str, str], str],
    fault: str,
    process: str,
    stage: str,
) -> None:
    its, name = PROCESSES[process], name_of(process, stage, fault)
    matrix[process, stage, fault] = "differs"
    before = data(platform, name)
    its.set_off(platform, name)
    wait_until(lambda: its.is_at(find(platform, name), stage), f"{name} is at {stage}", 120, interval=0.01)
    began = time.monotonic()
    FAULTS[fault](platform)
    expected = undisturbed[process]
    wait_until(
        lambda: its.ended(nudged(platform, name)) and settled(platform, name) == expected,
        f"{name} is through, and as it would have been",
        180,
        interval=1,
    )
    if its.then is not None:
        assert before.items() <= data(platform, name).items()
    matrix[process, stage, fault] = f"same {time.monotonic() - began:.0f}s"


def nudged(platform: Platform, name: str) -> Object | None:
    """The Store, after an event for it in place of time that passes.

    Each event of a failing minute doubles Metacontroller's wait for that Store, to 1,000 s at the most, and a shorter
    wait takes the place of the resync that was asked for. Any new event ends the wait.
    """
    store = find(platform, name)
    if store is not None:
        platform.client.patch(store, {"metadata": {"annotations": {"nudged": str(time.monotonic())}}})
    return store


def data(platform: Platform, name: str) -> dict[str, tuple[str, str]]:
    """The uid of every volume claim and Secret, and a Secret's bytes."""
    found = [child for child in platform.children(name) if child["kind"] in DATA]
    return {str(obj["metadata"]["name"]): (obj["metadata"]["uid"], json.dumps(obj.get("data"))) for obj in found}


def settled(platform: Platform, name: str) -> dict[str, str]:
    """Every object of a store as text, without the store's name and what is derived from it."""
    objects = by_identity(platform.children(name), with_data=False)
    return {plain(kind, name): plain(json.dumps(obj, sort_keys=True), name) for kind, obj in objects.items()}


def plain(text: str, name: str) -> str:
    text = re.sub(r"pk_[0-9a-f]{48}", "pk_", text.replace(name, "NAME"))
    text = re.sub(r'"platform.urumi.dev/revision": "[0-9a-f]{10}"', '"revision"', text)
    return re.sub(r"(migrate|restore|snapshot)-[0-9a-f]{10}", r"\1-HASH", text)


def test_a_store_that_differs_is_seen_to_differ(platform: Platform, undisturbed: dict[str, dict[str, str]]) -> None:
    changed: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "backend", "namespace": "store-plain-create"},
    }
    platform.client.patch(changed, {"metadata": {"labels": {"by": "hand"}}})
    assert settled(platform, "plain-create") != undisturbed["create"]
