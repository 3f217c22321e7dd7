"""Version upgrades: rolled out step by step, or rolled back with the previous data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .engines import CRASHING, FAILING, GOOD, STAGES, UNPULLABLE, with_more_versions
from .platform import Platform

OLD = "2.21.2"


@pytest.fixture(scope="module")
def platform(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with short deadlines whose engine has more versions."""
    engines = with_more_versions(tmp_path_factory.mktemp("engines"))
    settings = {"upgradeDeadlineSeconds": 15, "resyncSeconds": {"settled": 600, "changing": 1}}
    with ControlPlane(extra_stages=STAGES) as plane, Platform(plane, engines=engines, settings=settings) as platform:
        yield platform


def condition(store: Object, kind: str) -> dict[str, Any]:
    return next((c for c in store["status"]["conditions"] if c["type"] == kind), {})


def backend(platform: Platform, name: str) -> Object:
    return platform.client.get("apps/v1", "Deployment", "backend", f"store-{name}")


def image(platform: Platform, name: str) -> str:
    return str(backend(platform, name)["spec"]["template"]["spec"]["containers"][0]["image"])


def ready(platform: Platform, name: str) -> int:
    """A Ready store of the old version, and the audit log's mark after it."""
    platform.apply(name, version=OLD)
    platform.await_phase(name, "Ready")
    return platform.plane.audit.mark()


def rejected(platform: Platform, name: str, version: str) -> Object:
    """Wait until the store has rolled back from ``version`` and is Ready again."""

    def back() -> Object | None:
        store = platform.store(name)
        status = store["status"]
        return store if status["release"].get("rejected") == version and status["phase"] == "Ready" else None

    return wait_until(back, f"{name} has gone back from {version}", 60)


def test_an_upgrade_snapshots_migrates_and_rolls_out(platform: Platform) -> None:
    mark = ready(platform, "good")
    platform.apply("good", version=GOOD)
    store = platform.await_phase("good", "Ready")
    release = store["status"]["release"]
    assert {name: release.get(name) for name in ("running", "previous", "target", "rejected", "snapshot")} == {
        "running": GOOD,
        "previous": OLD,
        "target": GOOD,
        "rejected": None,
        "snapshot": None,
    }
    assert platform.jobs_made("good", mark) == ["snapshot", "migrate"]
    assert image(platform, "good") == f"store-medusa-backend:{GOOD}"
    wait_until(lambda: jobs(platform, "good") == ["migrate"], "the snapshot's Job is gone")
    assert platform.client.get("v1", "PersistentVolumeClaim", "backups", "store-good")["status"]["phase"] == "Bound"


def jobs(platform: Platform, name: str) -> list[str]:
    found = platform.client.list_all("batch/v1", "Job", f"store-{name}")
    return sorted(job["metadata"]["name"].partition("-")[0] for job in found)


def test_a_missing_image_is_reported_at_once_and_rolled_back_without_a_restore(platform: Platform) -> None:
    mark = ready(platform, "unpullable")
    before = backend(platform, "unpullable")["metadata"]
    platform.apply("unpullable", version=UNPULLABLE)

    def named() -> bool:
        found = condition(platform.store("unpullable"), "Ready")
        return (
            found["reason"] == "ImagePullFailed"
            and f"Back-off pulling image unpullable:{UNPULLABLE}" in found["message"]
        )

    wait_until(named, "the message holds the kubelet's words", 30)
    assert platform.store("unpullable")["status"]["phase"] == "Upgrading"
    store = rejected(platform, "unpullable", UNPULLABLE)
    failed = condition(store, "UpgradeFailed")
    assert failed["status"] == "True"
    assert f"{UNPULLABLE} was rejected (not ready within 15 s: Migrated: " in failed["message"]
    after = backend(platform, "unpullable")["metadata"]
    assert (after["uid"], after["generation"]) == (before["uid"], before["generation"])
    assert platform.jobs_made("unpullable", mark) == ["snapshot", "migrate"]


def test_a_woocommerce_store_upgrades_and_rolls_back_by_the_same_rules(platform: Platform) -> None:
    platform.apply("woo", engine="woocommerce")
    platform.await_phase("woo", "Ready")
    mark = platform.plane.audit.mark()
    platform.apply("woo", engine="woocommerce", version=GOOD)
    platform.await_phase("woo", "Ready")
    assert platform.jobs_made("woo", mark) == ["snapshot", "provision"]
    mark = platform.plane.audit.mark()
    platform.apply("woo", engine="woocommerce", version=CRASHING)
    rejected(platform, "woo", CRASHING)
    assert platform.jobs_made("woo", mark) == ["snapshot", "provision", "restore"]
    assert image(platform, "woo") == f"store-woocommerce-wordpress:{GOOD}"


@pytest.mark.parametrize(("version", "words"), [(FAILING, "relation exists already"), (CRASHING, "CrashLoop")])
def test_a_version_that_fails_after_its_migration_restores_the_snapshot(
    platform: Platform, version: str, words: str
) -> None:
    name = version.partition("-")[2]
    mark = ready(platform, name)
    secret = platform.client.get("v1", "Secret", "credentials", f"store-{name}")
    platform.apply(name, version=version)
    store = rejected(platform, name, version)
    assert platform.jobs_made(name, mark) == ["snapshot", "migrate", "restore"]
    assert image(platform, name) == f"store-medusa-backend:{OLD}"
    assert platform.client.get("v1", "Secret", "credentials", f"store-{name}")["data"] == secret["data"]
    message = condition(store, "UpgradeFailed")["message"]
    assert words in message or "exit code 1" in message
    assert {key: store["status"]["release"].get(key) for key in ("running", "target", "restore", "migrated")} == {
        "running": OLD,
        "target": OLD,
        "restore": None,
        "migrated": None,
    }


def test_nothing_serves_while_a_snapshot_is_restored(platform: Platform) -> None:
    ready(platform, "offline")
    mark = platform.plane.audit.mark()
    platform.apply("offline", version=FAILING)
    rejected(platform, "offline", FAILING)
    updates = [
        r for r in platform.plane.audit.requests(mark) if r.namespace == "store-offline" and r.code in (200, 201)
    ]
    restore = next(
        i for i, r in enumerate(updates) if (r.verb, r.resource) == ("create", "jobs") and "restore" in r.name
    )
    scaled = [i for i, r in enumerate(updates) if (r.verb, r.resource, r.name) == ("update", "deployments", "backend")]
    assert [i < restore for i in scaled[:1]] == [True]
    assert backend(platform, "offline")["spec"]["replicas"] == 1


def test_a_rejected_version_is_not_tried_again_until_the_spec_changes(platform: Platform) -> None:
    ready(platform, "stubborn")
    platform.apply("stubborn", version=FAILING)
    rejected(platform, "stubborn", FAILING)
    mark = platform.plane.audit.mark()
    platform.apply("stubborn", version=FAILING, plan="medium")
    wait_until(lambda: platform.store("stubborn")["status"].get("observedGeneration") == 3, "the plan's change is seen")
    platform.await_phase("stubborn", "Ready")
    assert platform.jobs_made("stubborn", mark) == []
    platform.apply("stubborn", version=GOOD, plan="medium")
    store = platform.await_phase("stubborn", "Ready")
    assert store["status"]["release"]["running"] == GOOD
    assert condition(store, "UpgradeFailed") == {}
