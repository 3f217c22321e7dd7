"""Backups and restores as objects on the real API server. That the scripts lose nothing is proven in tests/backup."""

from __future__ import annotations

from typing import Any

from tests.cluster.client import Object
from tests.cluster.waiting import wait_until

from .platform import Platform


def condition(store: Object, kind: str) -> dict[str, Any]:
    return next((c for c in store["status"]["conditions"] if c["type"] == kind), {})


def test_a_scheduled_backup_runs_and_is_listed(platform: Platform) -> None:
    platform.apply("nightly", backup={"schedule": "0 3 1 1 *", "keep": 2})
    platform.await_phase("nightly", "Ready")
    cron_job = platform.client.get("batch/v1", "CronJob", "backup", "store-nightly")
    platform.client.patch(
        {"apiVersion": "batch/v1", "kind": "CronJob", **cron_job}, {"spec": {"schedule": "* * * * *"}}
    )
    made = platform.plane.kubectl("create", "job", "--from=cronjob/backup", "by-hand", "-n", "store-nightly")
    assert "created" in made
    job = wait_until(lambda: complete(platform, "by-hand", "store-nightly"), "the backup's Job is complete", 60)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup"]
    listed = wait_until(lambda: platform.store("nightly")["status"].get("backups"), "the backup is listed", 90)
    assert listed == [
        platform.client.get("batch/v1", "CronJob", "backup", "store-nightly")["status"]["lastSuccessfulTime"]
    ]
    put_right = platform.client.get("batch/v1", "CronJob", "backup", "store-nightly")
    assert put_right["spec"]["schedule"] == "0 3 1 1 *"


def complete(platform: Platform, name: str, namespace: str) -> Object | None:
    job = platform.client.get("batch/v1", "Job", name, namespace)
    conditions = {c["type"]: c["status"] for c in job["status"].get("conditions", [])}
    return job if conditions.get("Complete") == "True" else None


def test_a_restore_in_place_closes_the_shop_restores_and_migrates_once(platform: Platform) -> None:
    platform.apply("again", backup={"schedule": "0 3 1 1 *"})
    platform.await_phase("again", "Ready")
    mark = platform.plane.audit.mark()
    spec = {"backup": {"schedule": "0 3 1 1 *"}, "restoreFrom": {"backup": "latest"}}
    platform.apply("again", **spec)
    store = platform.await_phase("again", "Ready")
    assert store["status"]["restored"] == "again/latest"
    assert jobs(platform, "again", mark) == ["restore", "migrate"]
    mark = platform.plane.audit.mark()
    platform.apply("again", **spec, plan="medium")
    wait_until(lambda: platform.store("again")["status"]["observedGeneration"] == 3, "the plan's change is seen")
    platform.await_phase("again", "Ready")
    assert jobs(platform, "again", mark) == []


def test_a_new_store_from_a_backup_of_its_name_restores_before_it_migrates(platform: Platform) -> None:
    mark = platform.plane.audit.mark()
    platform.apply("reborn", restoreFrom={"backup": "2030-01-01T00:00:00Z"})
    store = platform.await_phase("reborn", "Ready")
    assert jobs(platform, "reborn", mark) == ["restore", "migrate"]
    assert condition(store, "Restored") in ({}, {**condition(store, "Restored"), "status": "True"})


def jobs(platform: Platform, name: str, mark: int) -> list[str]:
    created = [r for r in platform.plane.audit.requests(mark) if (r.verb, r.resource) == ("create", "jobs")]
    return [r.name.partition("-")[0] for r in created if r.namespace == f"store-{name}" and r.code == 201]
