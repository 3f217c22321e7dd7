"""One fault, with a store at each stage of each process when it happens."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from tests.cluster.client import ApiError, Object
from tests.cluster.waiting import WaitTimeout, wait_until
from tests.stores.compare import by_identity
from tests.stores.platform import API, Platform

from .holds import Holds
from .lagging import LaggingProxy
from .parts import Fault
from .processes import PROCESSES, Process, closed, is_ready

ROWS = [(process, stage) for process, its in PROCESSES.items() for stage in its.stages]
DATA = ("PersistentVolumeClaim", "Secret")
SECONDS = 600
# Seconds between two events for a store that has not completed its process; see `nudge`.
NUDGE_SECONDS = 3

Looks = dict[str, str]


@dataclass
class Cell:
    """One store. ``was_at``: the stage it was at when the fault happened.

    ``data``: its claims and Secrets then. ``differs``: the objects that differ from the run without faults; ``seconds``
    until there were none.
    """

    name: str
    process: str
    stage: str
    was_at: str = ""
    data: Looks = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=lambda: ["it was not looked at"])
    seconds: float = 0.0

    @property
    def its(self) -> Process:
        return PROCESSES[self.process]

    def __str__(self) -> str:
        if self.was_at != self.stage:
            return f"at {self.was_at or 'none'}"
        return "lost" if self.lost else "differs" if self.differs else f"same {self.seconds:.0f}s"


def plain_cells() -> dict[str, Cell]:
    """Return, for each process, a store without a fault."""
    return {process: Cell(f"plain-{process}", process, next(iter(its.stages))) for process, its in PROCESSES.items()}


def cells_of(fault: tuple[str, str]) -> dict[tuple[str, str], Cell]:
    """Return a new cell for every row."""
    suffix = f"{fault[0].split()[0]}-{fault[1]}"
    return {(process, stage): Cell(f"{process}-{stage}-{suffix}".lower(), process, stage) for process, stage in ROWS}


def begin(platform: Platform, cells: Iterable[Cell]) -> None:
    """Create the stores that the processes start with. Idempotent."""
    for cell in cells:
        if cell.its.before is not None:
            platform.apply(cell.name, **cell.its.before)


def await_begun(platform: Platform, cells: list[Cell]) -> None:
    """Wait until every store is where its process starts."""
    existing = [cell for cell in cells if cell.its.before is not None]
    _await_each(platform, existing, is_ready)
    suspended = [cell for cell in existing if cell.its.suspended_before]
    for cell in suspended:
        platform.apply(cell.name, **cell.its.before or {}, suspended=True)
    _await_each(platform, suspended, closed)


def run(
    platform: Platform, proxy: LaggingProxy, holds: Holds, fault: Fault, cells: list[Cell], expected: dict[str, Looks]
) -> None:
    """Bring every store to its stage, cause the fault, and wait until all are as they would be without it.

    :param cells: stores that are where their processes start. The result is stored in them.
    :param expected: by process, every object of a store without a fault.
    """
    holds.put({cell.name: hold for cell in cells if (hold := cell.its.stages[cell.stage])})
    set_off(platform, cells)
    with suppress(WaitTimeout):  # the cells contain which are not
        wait_until(lambda: _look(platform, cells), "all are at their stages", SECONDS, interval=0.2)
    children = platform.children_of(cell.name for cell in cells)
    for cell in cells:
        cell.data = data(children[cell.name])
    nudge(platform, cells)
    fault(platform, proxy, lambda: holds.release(cell.name for cell in cells))
    _await_the_same(platform, holds, cells, expected)


def set_off(platform: Platform, cells: list[Cell]) -> None:
    """Trigger every store's process."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda cell: cell.its.set_off(platform, cell.name), cells))


def _await_each(platform: Platform, cells: list[Cell], there: Callable[[Object | None], bool]) -> None:
    began = time.monotonic()
    while left := _absent(platform, cells, there):
        if time.monotonic() - began > SECONDS:
            raise WaitTimeout(f"not where they begin within {SECONDS} s: {', '.join(cell.name for cell in left)}")
        time.sleep(NUDGE_SECONDS)
        nudge(platform, left)


def _absent(platform: Platform, cells: list[Cell], there: Callable[[Object | None], bool]) -> list[Cell]:
    stores = find(platform)
    return [cell for cell in cells if not there(stores.get(cell.name))]


def _look(platform: Platform, cells: list[Cell]) -> bool:
    """Record each store's stage; return whether all are where they should be."""
    stores = find(platform)
    for cell in cells:
        cell.was_at = cell.its.stage(stores.get(cell.name))
    return all(cell.was_at == cell.stage for cell in cells)


def _await_the_same(platform: Platform, holds: Holds, cells: list[Cell], expected: dict[str, Looks]) -> None:
    began = nudged = time.monotonic()
    left = list(cells)
    while left and time.monotonic() - began < SECONDS:
        _compare(platform, left, expected)
        left = [cell for cell in left if cell.differs]
        for cell in left:
            cell.seconds = time.monotonic() - began
        if left and time.monotonic() - nudged > NUDGE_SECONDS:
            holds.release(cell.name for cell in left)
            nudge(platform, left)
            nudged = time.monotonic()
        time.sleep(0.5)


def _compare(platform: Platform, cells: list[Cell], expected: dict[str, Looks]) -> None:
    stores = find(platform)
    through = [cell for cell in cells if cell.its.ended(stores.get(cell.name))]
    children = platform.children_of(cell.name for cell in through) if through else {}
    for cell in cells:
        if cell not in through:
            cell.differs = [f"it is at {cell.its.stage(stores.get(cell.name))}"]
            continue
        now, wanted = looks(children[cell.name], cell.name), expected[cell.process]
        cell.differs = sorted(key for key in now.keys() | wanted.keys() if now.get(key) != wanted.get(key))
        kept = data(children[cell.name]) if cell.its.then is not None else cell.data
        cell.lost = sorted(key for key, value in cell.data.items() if kept.get(key) != value)


def nudge(platform: Platform, cells: Iterable[Cell]) -> None:
    """Create an event for each store instead of letting time pass.

    Each failing sync doubles Metacontroller's wait for that store, up to 1,000 s, and replaces the requested resync.
    Any new event ends the wait.
    """
    change = {"metadata": {"annotations": {"nudged": str(time.monotonic())}}}

    def one(cell: Cell) -> None:
        try:
            platform.client.patch({"apiVersion": API, "kind": "Store", "metadata": {"name": cell.name}}, change)
        except ApiError as error:
            if error.code != 404:
                raise

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, cells))


def find(platform: Platform) -> dict[str, Object]:
    """Return all Stores by name."""
    return {store["metadata"]["name"]: store for store in platform.client.list_all(API, "Store")}


def data(children: list[Object]) -> Looks:
    """Return the UID of every volume claim and Secret, and a Secret's data."""
    return {
        f"{obj['kind']} {obj['metadata']['name']}": f"{obj['metadata']['uid']} {json.dumps(obj.get('data'))}"
        for obj in children
        if obj["kind"] in DATA
    }


def looks(children: list[Object], name: str) -> Looks:
    """Return every object as text, without the store's name and what is derived from it."""
    objects = by_identity(children, with_data=False)
    return {plain(kind, name): plain(json.dumps(obj, sort_keys=True), name) for kind, obj in objects.items()}


def plain(text: str, name: str) -> str:
    text = re.sub(r"pk_[0-9a-f]{48}", "pk_", text.replace(name, "NAME"))
    text = re.sub(r'"platform.urumi.dev/revision": "[0-9a-f]{10}"', '"revision"', text)
    text = re.sub(r"before-[-.0-9a-z]+-\d{8}t\d{6}z", "before-VERSION-TIME", text)
    return re.sub(r"(check|migrate|restore|snapshot)-[0-9a-f]{10}", r"\1-HASH", text)
