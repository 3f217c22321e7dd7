"""Backups and restores as objects on the real API server. tests/backup proves that the scripts lose nothing."""

from __future__ import annotations

from typing import Any

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
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

    def listed() -> bool:
        """While the schedule was every minute, the CronJob may have made one more."""
        live = platform.client.get("batch/v1", "CronJob", "backup", "store-nightly")
        return platform.store("nightly")["status"].get("backups") == [live["status"]["lastSuccessfulTime"]]

    wait_until(listed, "the last backup is listed", 90)
    put_right = platform.client.get("batch/v1", "CronJob", "backup", "store-nightly")
    assert put_right["spec"]["schedule"] == "0 3 1 1 *"


def test_a_requested_backup_is_made_once_and_listed(platform: Platform) -> None:
    nightly = {"schedule": "0 3 1 1 *", "keep": 2}
    platform.apply("asking", backup=nightly)
    platform.await_phase("asking", "Ready")
    mark = platform.plane.audit.mark()
    platform.apply("asking", backup={**nightly, "requestedAt": "2030-01-01T00:00:00Z"})
    listed = wait_until(lambda: platform.store("asking")["status"].get("backups"), "the backup is listed", 90)
    (job,) = [
        each
        for each in platform.client.list_all("batch/v1", "Job", "store-asking")
        if each["metadata"]["name"].startswith("backup-now")
    ]
    assert listed == [job["status"]["completionTime"]]
    assert condition(platform.store("asking"), "BackupMade")["status"] == "True"
    platform.apply("asking", backup={**nightly, "keep": 3, "requestedAt": "2030-01-01T00:00:00Z"})
    wait_until(lambda: platform.store("asking")["status"]["observedGeneration"] == 3, "the other number is seen")
    platform.await_phase("asking", "Ready")
    assert platform.jobs_made("asking", mark) == ["backup"]


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
    wait_until(
        lambda: platform.store("again")["status"].get("restored") == "again/latest", "the backup is restored", 90
    )
    platform.await_phase("again", "Ready")
    assert platform.jobs_made("again", mark) == ["check", "restore", "migrate"]
    mark = platform.plane.audit.mark()
    platform.apply("again", **spec, plan="medium")
    wait_until(lambda: platform.store("again")["status"]["observedGeneration"] == 3, "the plan's change is seen")
    platform.await_phase("again", "Ready")
    assert platform.jobs_made("again", mark) == []


def test_a_new_store_from_its_own_backup_restores_before_it_migrates(platform: Platform) -> None:
    mark = platform.plane.audit.mark()
    platform.apply("reborn", restoreFrom={"backup": "2030-01-01T00:00:00Z"})
    store = platform.await_phase("reborn", "Ready")
    assert platform.jobs_made("reborn", mark) == ["restore", "migrate"]
    assert condition(store, "Restored") in ({}, {**condition(store, "Restored"), "status": "True"})


def test_a_clone_is_created_from_another_store_of_the_same_owner(own_plane: ControlPlane) -> None:
    keys = {"accessKeyId": "an access key id", "secretAccessKey": "a secret access key"}
    settings = {"backup": {"s3": {"endpoint": "http://s3.example.com", "bucket": "shops", "region": "eu"}}}
    with Platform(own_plane, settings=settings, object_store_keys=keys) as platform:
        mark = own_plane.audit.mark()
        platform.apply("clone", restoreFrom={"store": "original"})
        store = platform.await_phase("clone", "Ready")
        assert store["status"]["restored"] == "original/latest"
        assert platform.jobs_made("clone", mark) == ["restore", "migrate"]
        assert not any(value in str(store) for value in keys.values())
        assert platform.client.find("v1", "PersistentVolumeClaim", "backups", "store-clone") is None
        secrets = platform.client.list_all("v1", "Secret", "store-clone")
        annotations = [secret["metadata"].get("annotations", {}) for secret in secrets]
        assert not any(value in str(annotations) for secret in secrets for value in secret.get("data", {}).values())
