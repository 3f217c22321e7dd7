"""Ends of stores: expiry and the reaper, protection, deletion in every phase, and the deletion record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.client import ApiError, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .engines import CRASHING, FAILING, STAGES, UNPULLABLE, with_more_versions
from .platform import API, Platform
from .reaper import REAPER_USER, reap


@pytest.fixture(scope="module")
def platform(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that announces an expiry two hours before, and has a grace period of a few seconds."""
    engines = with_more_versions(tmp_path_factory.mktemp("engines"))
    settings = {
        "expiry": {"warningHours": 2, "graceHours": 0.001},
        "resyncSeconds": {"settled": 600, "changing": 1},
        "upgradeDeadlineSeconds": 600,
    }
    with (
        ControlPlane(extra_stages=STAGES, users=REAPER_USER) as plane,
        Platform(plane, engines=engines, settings=settings) as platform,
    ):
        yield platform


def at(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(store: Object, kind: str) -> dict[str, Any]:
    return next((c for c in store.get("status", {}).get("conditions", []) if c["type"] == kind), {})


def gone(platform: Platform, name: str) -> bool:
    return platform.client.find(API, "Store", name) is None


def test_an_expiry_is_announced_closes_with_a_backup_and_the_reaper_deletes(platform: Platform) -> None:
    platform.apply("passing", expiresAt=at(hours=1))
    store = platform.await_phase("passing", "Ready")
    assert condition(store, "Expiring")["reason"] == "Expiring"
    mark = platform.plane.audit.mark()
    closes = at(seconds=2)
    platform.apply("passing", expiresAt=closes)
    store = platform.await_phase("passing", "Suspended")
    assert platform.jobs_made("passing", mark) == ["snapshot"]
    assert store["status"]["lastBackup"] == f"expired-{closes.replace('-', '').replace(':', '').lower()}"
    assert condition(store, "Ready")["reason"] == "Expired"
    wait_until(
        lambda: reap(platform.plane).returncode == 0 and deleted(platform, "passing"), "the reaper deletes it", 30
    )
    wait_until(lambda: gone(platform, "passing"), "the Store is gone", 90)


def deleted(platform: Platform, name: str) -> bool:
    store = platform.client.find(API, "Store", name)
    return store is None or "deletionTimestamp" in store["metadata"]


def test_an_expiry_moved_after_closing_opens_the_shop_and_stops_the_reaper(platform: Platform) -> None:
    platform.apply("saved", expiresAt=at(seconds=-60))
    platform.await_phase("saved", "Suspended")
    platform.apply("saved", expiresAt=at(hours=9))
    platform.await_phase("saved", "Ready")
    assert reap(platform.plane).returncode == 0
    assert not deleted(platform, "saved")
    assert condition(platform.store("saved"), "Expiring") == {}


def test_the_reaper_may_only_list_and_delete_stores(platform: Platform) -> None:
    as_reaper = platform.plane.client_for("reaper")
    assert isinstance(as_reaper.list_all(API, "Store"), list)
    for action in (
        lambda: as_reaper.list_all("v1", "Secret"),
        lambda: as_reaper.patch(platform.store("saved"), {"spec": {"plan": "large"}}),
    ):
        with pytest.raises(ApiError, match="forbidden"):
            action()
    as_reaper.close()


def test_a_protected_store_can_not_be_deleted_until_unprotected(platform: Platform) -> None:
    platform.apply("kept", deletionProtection=True, expiresAt=at(seconds=-60))
    store = platform.await_phase("kept", "Suspended")
    with pytest.raises(ApiError, match=r"store kept is protected: set spec\.deletionProtection to false before"):
        platform.client.delete(store)
    assert reap(platform.plane).returncode == 0
    assert not deleted(platform, "kept")
    platform.apply("kept", expiresAt=at(hours=9), deletionProtection=False)
    platform.client.delete(store)
    wait_until(lambda: gone(platform, "kept"), "the Store is gone", 90)


def test_the_last_status_reports_that_nothing_remains(platform: Platform) -> None:
    platform.apply("recorded")
    store = platform.await_phase("recorded", "Ready")
    last: list[Object] = []
    version = store["metadata"]["resourceVersion"]
    platform.client.delete(store)
    for kind, obj in platform.client.watch(
        platform.client.path(API, "Store"), version, timeout_seconds=90, fieldSelector="metadata.name=recorded"
    ):
        last.append(obj)
        if kind == "DELETED":
            break
    terminating = condition(last[-1], "Terminating")
    assert (terminating["reason"], terminating["message"]) == ("Deleted", "nothing remains")


PHASES: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    ("Ready", {}, None),
    ("Failed", {"version": FAILING}, None),
    ("Failed", {"plan": "none"}, None),
    ("Provisioning", {"version": UNPULLABLE}, None),
    ("Suspended", {"suspended": True}, None),
    ("Suspended", {"expiresAt": "2020-01-01T00:00:00Z"}, None),
    ("Upgrading", {}, {"version": UNPULLABLE}),
    ("Upgrading", {}, {"version": CRASHING}),
]


@pytest.mark.parametrize(
    ("phase", "spec", "then"), PHASES, ids=[f"{phase}-{spec or then or ''}" for phase, spec, then in PHASES]
)
def test_a_store_can_be_deleted_in_every_phase(
    platform: Platform, phase: str, spec: dict[str, Any], then: dict[str, Any] | None
) -> None:
    platform.apply("ending", **spec)
    if then:
        platform.await_phase("ending", "Ready")
        platform.apply("ending", **then)
    platform.await_phase("ending", phase)
    platform.client.delete(platform.store("ending"))
    wait_until(lambda: gone(platform, "ending"), "the Store is gone", 90)
    assert platform.client.find("v1", "Namespace", "store-ending") is None
    assert platform.client.find(API, "Hostname", "ending.stores.localhost") is None
