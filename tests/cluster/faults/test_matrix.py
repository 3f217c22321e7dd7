"""The hooks, the controller or the API server fail during a store's process: the store ends as without the fault.

At each stage of each process a store is held until all stores are at theirs; then the part is killed, or continues with
outdated knowledge. Each store is compared object by object with a run without faults. No volume may be lost and no
Secret changed. The matrix is printed at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.waiting import wait_until
from tests.stores.engines import STAGES as BAD_PODS
from tests.stores.engines import with_more_versions
from tests.stores.platform import Platform

from .holds import Holds
from .lagging import LaggingProxy
from .parts import FAULTS
from .rounds import ROWS, Cell, Looks, await_begun, begin, cells_of, find, looks, plain_cells, run, set_off

__all__ = ["binary"]

LOOKS = 6
CELLS = {fault: cells_of(fault) for fault in FAULTS}


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(extra_stages=BAD_PODS) as plane:
        yield plane


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaggingProxy]:
    """The proxy through which the controller reaches the API server."""
    certificate = plane.credentials.home / "server.pem"
    with LaggingProxy(plane.kubeconfig("metacontroller"), certificate, tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def platform(plane: ControlPlane, proxy: LaggingProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a version that works and one whose migration fails."""
    engines = with_more_versions(tmp_path_factory.mktemp("engines"))
    settings = {"resyncSeconds": {"settled": 600, "changing": 2}}
    with Platform(plane, engines=engines, settings=settings, loop_kubeconfig=proxy.kubeconfig) as platform:
        yield platform


@pytest.fixture(scope="module")
def undisturbed(platform: Platform) -> dict[str, Looks]:
    """The result of each process without faults, once its objects no longer change: objects without a template are
    removed last.
    """
    cells = list(plain_cells().values())
    begin(platform, cells)
    await_begun(platform, cells)
    set_off(platform, cells)
    wait_until(lambda: all_ended(platform, cells), "all that nothing befalls are through", 600, interval=0.5)
    seen: list[dict[str, Looks]] = []

    def rests() -> bool:
        children = platform.children_of(cell.name for cell in cells)
        seen.append({cell.process: looks(children[cell.name], cell.name) for cell in cells})
        return len(seen) >= LOOKS and all(look == seen[-1] for look in seen[-LOOKS:])

    wait_until(rests, "the undisturbed stores are idle", 300, interval=0.5)
    return seen[-1]


def all_ended(platform: Platform, cells: list[Cell]) -> bool:
    stores = find(platform)
    return all(cell.its.ended(stores.get(cell.name)) for cell in cells)


@pytest.fixture(scope="module")
def holds(platform: Platform) -> Holds:
    return Holds(platform.client)


@pytest.fixture(scope="module", params=FAULTS, ids="-".join)
def column(
    request: pytest.FixtureRequest,
    platform: Platform,
    proxy: LaggingProxy,
    holds: Holds,
    undisturbed: dict[str, Looks],
    matrix: None,
) -> dict[tuple[str, str], Cell]:
    """The results of one fault, by row."""
    cells, faults = list(CELLS[request.param].values()), list(FAULTS)
    begin(platform, cells)
    await_begun(platform, cells)
    for following in faults[faults.index(request.param) + 1 :][:1]:  # they are created while these are waited for
        begin(platform, CELLS[following].values())
    run(platform, proxy, holds, FAULTS[request.param], cells, undisturbed)
    return CELLS[request.param]


@pytest.fixture(scope="module")
def matrix(pytestconfig: pytest.Config) -> Iterator[None]:
    """Print the results of all faults at the end."""
    yield
    plugins = pytestconfig.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    assert reporter
    assert capture
    with capture.global_and_fixture_disabled():
        reporter.write_line("")
        for line in printed():
            reporter.write_line(line)


def printed() -> Iterator[str]:
    """Return the matrix as text, a line for each row."""
    yield f"{'':<26}" + "".join(f"{part + ' ' + kind:>20}" for part, kind in FAULTS)
    for process, stage in ROWS:
        yield f"{process + ' ' + stage:<26}" + "".join(f"{CELLS[fault][process, stage]!s:>20}" for fault in FAULTS)


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_a_fault_at_any_stage_does_not_change_the_result(
    column: dict[tuple[str, str], Cell], row: tuple[str, str]
) -> None:
    cell = column[row]
    assert cell.was_at == cell.stage
    assert (cell.lost, cell.differs) == ([], [])


def test_a_store_that_differs_is_detected(platform: Platform, undisturbed: dict[str, Looks]) -> None:
    name = "plain-create"
    changed = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend", "namespace": f"store-{name}"}}
    platform.client.patch(changed, {"metadata": {"labels": {"by": "hand"}}})
    assert looks(platform.children(name), name) != undisturbed["create"]
