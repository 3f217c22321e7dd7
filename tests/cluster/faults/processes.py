"""The processes of a store: where each starts, its trigger, its stages and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.cluster.client import Object
from tests.stores.engines import FAILING, GOOD
from tests.stores.platform import Platform

OLD = "2.21.2"

SpecOf = dict[str, Any]


@dataclass(frozen=True)
class Process:
    """``before``: the spec it starts from, Ready (None: no store).

    ``then``: the spec that triggers it (None: a deletion). ``stages``: the conditions that are waited for, in order,
    each with what holds a store there (see holds.yaml). ``ended``: whether a Store (None: deleted) has completed the
    process.
    """

    before: SpecOf | None
    then: SpecOf | None
    stages: dict[str, str]
    ended: Callable[[Object | None], bool]
    suspended_before: bool = False

    def set_off(self, platform: Platform, name: str) -> None:
        """Trigger it."""
        if self.then is None:
            platform.client.delete(platform.store(name))
        else:
            platform.apply(name, **self.then)

    def stage(self, store: Object | None) -> str:
        """Return the stage a store is at; at the end "Ready" if the process ends so, otherwise "through"; "" before the
        first.
        """
        if self.ended(store):
            return "Ready" if "Ready" in self.stages else "through"
        return stage_of(store) if store and status(store) else ""


def stage_of(store: Object) -> str:
    """Return the first condition that is not True and waits for no other; "Ready" if all are True."""
    status = store.get("status", {})
    if status.get("phase") in ("Suspending", "Suspended"):
        return "Suspended"
    if status.get("phase") == "Terminating":
        return "Terminating"
    release = status.get("release", {})
    if release.get("rejected") and status.get("phase") == "Ready":
        return "Ready"
    unmet = [c for c in status.get("conditions", []) if c["status"] == "False" and c["type"] != "Progressing"]
    blocking = [c["type"] for c in unmet if c["reason"] != "Waiting"]
    return next(iter(blocking), "Ready" if status.get("conditions") else "")


def status(store: Object | None) -> Object:
    """Return the Store's status if it is of the current spec; otherwise an empty mapping."""
    found: Object = (store or {}).get("status", {})
    return found if store and found.get("observedGeneration") == store["metadata"]["generation"] else {}


def is_ready(store: Object | None) -> bool:
    """Ready, for the current spec."""
    return status(store).get("phase") == "Ready"


def closed(store: Object | None) -> bool:
    """Suspended, with no pod left."""
    return any("keeps its data" in c["message"] for c in status(store).get("conditions", []))


def runs(version: str) -> Callable[[Object | None], bool]:
    """Ready in that version."""
    return lambda store: is_ready(store) and status(store)["release"].get("running") == version


def rolled_back(store: Object | None) -> bool:
    """Ready in the previous version, with the failed version rejected and no restore pending."""
    release = status(store).get("release", {})
    return is_ready(store) and release.get("rejected") == FAILING and "restore" not in release


def restored(store: Object | None) -> bool:
    """Ready with the data of a backup."""
    return is_ready(store) and "restored" in status(store)


SERVING = {"BackendReady": "pod backend", "StorefrontReady": "pod storefront", "Ready": ""}

PROCESSES = {
    "create": Process(
        None,
        {"version": OLD},
        {
            "Exposed": "CREATE hostnames",
            "NamespaceReady": "CREATE namespaces",
            "DatabaseReady": "pod database",
            "Migrated": "pod migrate",
            **SERVING,
        },
        is_ready,
    ),
    "upgrade": Process(
        {"version": OLD},
        {"version": GOOD},
        {"Snapshotted": "pod snapshot", "Migrated": "pod migrate", **SERVING},
        runs(GOOD),
    ),
    "rollback": Process(
        {"version": OLD},
        {"version": FAILING},
        {"Snapshotted": "pod snapshot", "Migrated": "pod migrate", "Restored": "pod restore", **SERVING},
        rolled_back,
    ),
    "suspend": Process(
        {"version": OLD}, {"version": OLD, "suspended": True}, {"Suspended": "UPDATE deployments"}, closed
    ),
    "resume": Process(
        {"version": OLD},
        {"version": OLD, "suspended": False},
        {"DatabaseReady": "pod database", **SERVING},
        is_ready,
        suspended_before=True,
    ),
    "restore": Process(
        {"version": OLD},
        {"version": OLD, "restoreFrom": {"backup": "latest"}},
        {
            "DatabaseReady": "CREATE persistentvolumeclaims",
            "Restored": "pod restore",
            "Migrated": "pod migrate",
            **SERVING,
        },
        restored,
    ),
    "delete": Process({"version": OLD}, None, {"Terminating": "DELETE deployments"}, lambda store: store is None),
}
