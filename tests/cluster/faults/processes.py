"""What a store goes through: where each begins, what sets it off, by which stages it goes and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.client import Object
from tests.cluster.waiting import wait_until
from tests.stores.engines import FAILING, GOOD
from tests.stores.platform import API, Platform

OLD = "2.21.2"

SpecOf = dict[str, Any]


@dataclass(frozen=True)
class Process:
    """``before``: the spec it starts from, Ready (None: no store). ``then``: the spec that sets it off (None: a
    deletion). ``stages``: the conditions that are waited for, in order. ``ended``: whether a Store (None: gone) is
    through."""

    before: SpecOf | None
    then: SpecOf | None
    stages: tuple[str, ...]
    ended: Callable[[Object | None], bool]
    asleep_before: bool = False

    def set_off(self, platform: Platform, name: str) -> None:
        """Set it off."""
        if self.then is None:
            platform.client.delete(platform.store(name))
        else:
            platform.apply(name, **self.then)

    def is_at(self, store: Object | None, stage: str) -> bool:
        """Whether the store is at that stage, or past it."""
        if store is None:
            return self.then is None
        current = store.get("status", {}).get("observedGeneration") == store["metadata"]["generation"]
        label = stage_of(store)
        return current and label in self.stages[self.stages.index(stage) :]


def stage_of(store: Object) -> str:
    """The first condition that does not hold and waits for no other; "Ready" when all do."""
    status = store.get("status", {})
    if status.get("phase") in ("Suspended", "Terminating"):
        return str(status["phase"])
    release = status.get("release", {})
    if release.get("rejected") and status.get("phase") == "Ready":
        return "Ready"
    unmet = [c for c in status.get("conditions", []) if c["status"] == "False" and c["type"] != "Progressing"]
    told = [c["type"] for c in unmet if c["reason"] != "Waiting"]
    return next(iter(told), "Ready" if status.get("conditions") else "")


def status(store: Object | None) -> Object:
    """The Store's status, of its newest spec; empty where there is none."""
    found: Object = (store or {}).get("status", {})
    return found if store and found.get("observedGeneration") == store["metadata"]["generation"] else {}


def is_ready(store: Object | None) -> bool:
    """Ready, of its newest spec."""
    return status(store).get("phase") == "Ready"


def closed(store: Object | None) -> bool:
    """Suspended, and no pod left."""
    return any("keeps its data" in c["message"] for c in status(store).get("conditions", []))


def runs(version: str) -> Callable[[Object | None], bool]:
    """Ready in that version."""
    return lambda store: is_ready(store) and status(store)["release"].get("running") == version


def gone_back(store: Object | None) -> bool:
    """Ready in what ran before, the failed version rejected and nothing left to restore."""
    release = status(store).get("release", {})
    return is_ready(store) and release.get("rejected") == FAILING and "restore" not in release


def restored(store: Object | None) -> bool:
    """Ready with the data of a backup."""
    return is_ready(store) and "restored" in status(store)


PROCESSES = {
    "create": Process(
        None,
        {"version": OLD},
        ("Exposed", "NamespaceReady", "DatabaseReady", "Migrated", "BackendReady", "StorefrontReady", "Ready"),
        is_ready,
    ),
    "upgrade": Process(
        {"version": OLD},
        {"version": GOOD},
        ("Snapshotted", "Migrated", "BackendReady", "StorefrontReady", "Ready"),
        runs(GOOD),
    ),
    "rollback": Process(
        {"version": OLD},
        {"version": FAILING},
        ("Snapshotted", "Migrated", "Restored", "BackendReady", "StorefrontReady", "Ready"),
        gone_back,
    ),
    "suspend": Process({"version": OLD}, {"version": OLD, "suspended": True}, ("Suspended",), closed),
    "resume": Process(
        {"version": OLD},
        {"version": OLD, "suspended": False},
        ("DatabaseReady", "BackendReady", "StorefrontReady", "Ready"),
        is_ready,
        asleep_before=True,
    ),
    "restore": Process(
        {"version": OLD},
        {"version": OLD, "restoreFrom": {"backup": "latest"}},
        ("DatabaseReady", "Restored", "Migrated", "BackendReady", "StorefrontReady", "Ready"),
        restored,
    ),
    "delete": Process({"version": OLD}, None, ("Terminating",), lambda store: store is None),
}


def start(platform: Platform, names: dict[str, Process]) -> None:
    """Bring a store of each name to where its process begins, all at once."""
    existing = {name: its for name, its in names.items() if its.before is not None}
    for name, its in existing.items():
        platform.apply(name, **(its.before or {}))
    for name in existing:
        platform.await_phase(name, "Ready", 300)
    asleep = {name: its for name, its in existing.items() if its.asleep_before}
    for name, its in asleep.items():
        platform.apply(name, **{**(its.before or {}), "suspended": True})
    for name in asleep:
        wait_until(lambda n=name: closed(find(platform, n)), f"{name} is closed", 60)


def find(platform: Platform, name: str) -> Object | None:
    """The Store, or None."""
    found = platform.client.find(API, "Store", name)
    return {"apiVersion": API, "kind": "Store", **found} if found else None
