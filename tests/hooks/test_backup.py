"""Backups in the core: scheduled, reported, and restored once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.common.configuration import ConfigurationError
from storeplatform.hooks.core.objects import Object
from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES
from tests.values import settings_of

from .world import World, make_ready, ready, store

KEYS = {"accessKeyId": "the access key id", "secretAccessKey": "the secret access key"}
NIGHTLY = {"schedule": "0 3 * * *", "keep": 3}


@pytest.fixture
def in_object_store(tmp_path: Path, root_key: Path) -> Any:
    """Settings with an object store, and keys that can be changed."""

    def make(keys: dict[str, str] = KEYS) -> Any:
        values = settings_of("hooks")
        values["backup"]["s3"] = {"endpoint": "https://s3.example.com", "bucket": "shops", "region": "eu"}
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(values))
        (tmp_path / "keys.yaml").write_text(yaml.safe_dump(keys))
        return load_settings(tmp_path / "settings.yaml", ENGINES, root_key, tmp_path / "keys.yaml")

    return make


def of_kind(answer: Object, kind: str, name: str = "") -> list[Object]:
    return [c for c in answer["children"] if c["kind"] == kind and c["metadata"]["name"].startswith(name)]


def environment(pod: Object) -> dict[str, Any]:
    return {env["name"]: env.get("value") for env in pod["containers"][0]["env"]}


def test_a_schedule_creates_a_cron_job_and_its_volume(world: World) -> None:
    world.parent["spec"]["backup"] = NIGHTLY
    answer = world.settle()
    (cron_job,) = of_kind(answer, "CronJob")
    pod = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (cron_job["spec"]["schedule"], pod["containers"][0]["args"]) == ("0 3 * * *", ["backup"])
    assert environment(pod)["BACKUP_KEEP"] == "3"
    assert [c["metadata"]["name"] for c in of_kind(answer, "PersistentVolumeClaim", "backups")] == ["backups"]
    assert answer["status"]["phase"] == "Ready"


def test_without_a_schedule_the_cron_job_is_removed_and_the_volume_stays(world: World) -> None:
    world.parent["spec"]["backup"] = NIGHTLY
    world.settle()
    del world.parent["spec"]["backup"]
    answer = world.settle()
    assert of_kind(answer, "CronJob") == []
    assert len(of_kind(answer, "PersistentVolumeClaim", "backups")) == 1


def test_a_suspended_stores_cron_job_is_suspended_too(world: World) -> None:
    world.parent["spec"]["backup"] = NIGHTLY
    world.settle()
    world.parent["spec"]["suspended"] = True
    (cron_job,) = of_kind(world.settle(), "CronJob")
    assert cron_job["spec"]["suspend"] is True


def test_the_newest_backups_are_listed_up_to_the_number_that_is_kept(world: World) -> None:
    world.parent["spec"]["backup"] = NIGHTLY
    world.settle()
    for day in range(1, 6):
        world.find("CronJob", "backup")["status"] = {"lastSuccessfulTime": f"2026-01-0{day}T03:00:10Z"}
        answer = world.step()
    assert answer["status"]["backups"] == [f"2026-01-0{day}T03:00:10Z" for day in (5, 4, 3)]


@pytest.mark.parametrize(
    ("status", "now", "failed"),
    [
        ({"lastScheduleTime": "2026-01-02T03:00:00Z"}, "2026-01-02T04:00:00Z", True),
        ({"lastScheduleTime": "2026-01-02T03:00:00Z"}, "2026-01-02T03:05:00Z", False),
        ({"lastScheduleTime": "2026-01-02T03:00:00Z", "active": [{"name": "x"}]}, "2026-01-02T04:00:00Z", False),
        (
            {"lastScheduleTime": "2026-01-02T03:00:00Z", "lastSuccessfulTime": "2026-01-01T03:00:10Z"},
            "2026-01-02T04:00:00Z",
            True,
        ),
        (
            {"lastScheduleTime": "2026-01-02T03:00:00Z", "lastSuccessfulTime": "2026-01-02T03:00:10Z"},
            "2026-01-02T04:00:00Z",
            False,
        ),
        ({"lastScheduleTime": 7, "lastSuccessfulTime": "?"}, "2026-01-02T04:00:00Z", False),
        ({}, "2026-01-02T04:00:00Z", False),
    ],
)
def test_a_failed_backup_is_reported_until_one_succeeds(
    world: World, status: dict[str, Any], now: str, failed: bool
) -> None:
    world.parent["spec"]["backup"] = NIGHTLY
    world.settle()
    world.find("CronJob", "backup")["status"], world.now = status, now
    found = world.ask()["status"]
    reported = [c for c in found["conditions"] if c["type"] == "BackupFailed"]
    assert [c["status"] for c in reported] == ["True"] * failed
    assert found["phase"] == "Ready"


@pytest.mark.parametrize(("engine", "migrating"), [("medusa", "migrate"), ("woocommerce", "provision")])
def test_a_backup_is_restored_once_while_nothing_serves_and_then_migrated(
    settings: Settings, engine: str, migrating: str
) -> None:
    world = World(settings, store(engine=engine))
    world.settle()
    job = of_kind(world.ask(), "Job", migrating)[0]["metadata"]["name"]
    world.parent["spec"]["restoreFrom"] = {"backup": "2026-01-01T03:00:00Z"}
    asked = []
    for _ in range(12):
        answer = world.step()
        asked += [j["spec"]["template"]["spec"]["containers"][0]["args"] for j in of_kind(answer, "Job", "restore")]
    assert asked[0] == ["restore", "2026-01-01T03:00:00Z"]
    settled = world.settle()
    assert settled["status"]["restored"] == "demo/2026-01-01T03:00:00Z"
    assert len({tuple(arguments) for arguments in asked}) == 1
    assert of_kind(settled, "Job", "restore") == of_kind(world.ask(), "Job", "restore")
    assert of_kind(settled, "Job", migrating)[0]["metadata"]["name"] != job
    assert settled["status"]["phase"] == "Ready"


def test_another_stores_backup_needs_an_object_store(world: World) -> None:
    world.parent["spec"]["restoreFrom"] = {"store": "other"}
    reason, message = ready(world.ask()["status"])
    assert (reason, message.startswith("Accepted: spec.restoreFrom.store must be left out")) == ("NoObjectStore", True)


def test_a_clone_reads_only_its_own_owners_archives(in_object_store: Any) -> None:
    def restored_from(owner: str) -> str:
        world = World(in_object_store(), store("clone", owner=owner, restoreFrom={"store": "other"}))
        for _ in range(8):
            jobs = of_kind(world.step(), "Job", "restore")
            if jobs:
                return str(environment(jobs[0]["spec"]["template"]["spec"])["RESTORE_S3_PREFIX"])
        raise AssertionError("no restore was asked for")

    prefix = restored_from("ann")
    assert prefix.endswith("/other")
    assert restored_from("ann") == prefix
    assert restored_from("bob") != prefix


def test_the_object_stores_keys_are_only_in_a_secret(in_object_store: Any) -> None:
    world = World(in_object_store(), store(backup=NIGHTLY))
    answer = world.settle()
    assert len(of_kind(answer, "Secret", "object-store-")) == 1
    others = json.dumps([c for c in answer["children"] if c["kind"] != "Secret"] + [answer["status"]])
    assert not any(value in others for value in KEYS.values())
    assert of_kind(answer, "PersistentVolumeClaim", "backups") == []


def test_changed_keys_create_a_new_secret_and_remove_the_old_one(in_object_store: Any) -> None:
    world = World(in_object_store(), store(backup=NIGHTLY))
    world.settle()
    old = world.find("Secret", "object-store-")["metadata"]["name"]
    world.settings = in_object_store({**KEYS, "secretAccessKey": "another"})
    world.settle()
    assert world.find("Secret", "object-store-")["metadata"]["name"] != old


def test_an_object_store_without_keys_prevents_the_start(in_object_store: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be YAML with accessKeyId and secretAccessKey") as error:
        in_object_store({"accessKeyId": "only this"})
    assert "only this" not in str(error.value)


@pytest.mark.parametrize(
    "spec", [{"backup": "nightly"}, {"backup": {}}, {"backup": {"schedule": "x", "keep": 0}}, {"restoreFrom": "x"}]
)
def test_an_invalid_backup_is_rejected(world: World, spec: dict[str, Any]) -> None:
    world.parent["spec"] |= spec
    assert ready(world.ask()["status"])[0] == "InvalidSpec"


def test_only_backup_pods_may_reach_the_object_store_and_nothing_else(in_object_store: Any, world: World) -> None:
    def open_policies(answer: Object) -> list[str]:
        policies = of_kind(answer, "NetworkPolicy")
        return [p["metadata"]["name"] for p in policies if {} in p["spec"].get("egress", [])]

    assert open_policies(world.settle()) == []
    assert open_policies(World(in_object_store(), store()).settle()) == ["backup"]


def test_a_cron_job_of_another_role_is_not_a_backup(settings: Settings) -> None:
    world = World(settings, store(engine="woocommerce"))
    world.settle()
    world.find("CronJob", "cron")["status"] = {"lastSuccessfulTime": "2026-01-02T03:00:00Z"}
    assert "backups" not in world.ask()["status"]


def asked(world: World) -> list[Object]:
    """Return the Jobs that the core desires for a requested backup."""
    return of_kind(world.ask(), "Job", "backup-now")


def condition(status: Object, kind: str = "BackupMade") -> Object:
    (found,) = [each for each in status["conditions"] if each["type"] == kind]
    return found


NOW = {**NIGHTLY, "requestedAt": "2026-01-05T12:00:00Z"}


@pytest.mark.parametrize("engine", ["medusa", "woocommerce"])
def test_a_requested_backup_runs_like_a_scheduled_one(settings: Settings, engine: str) -> None:
    world = World(settings, store(engine=engine, backup=NIGHTLY))
    world.settle()
    world.parent["spec"]["backup"] = NOW
    (job,) = asked(world)
    (cron_job,) = [each for each in of_kind(world.ask(), "CronJob") if each["metadata"]["name"] == "backup"]
    assert job["spec"]["template"]["spec"] == cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels == cron_job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]


def test_a_requested_backup_is_reported_once_its_job_is_complete(world: World) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    job = world.find("Job", "backup-now")
    job["status"] = {"active": 1}
    status = world.ask()["status"]
    assert (condition(status)["status"], status["phase"], "backups" in status) == ("False", "Ready", False)
    complete = [{"type": "Complete", "status": "True"}]
    job["status"] = {"conditions": complete, "completionTime": "2026-01-05T12:00:30Z"}
    status = world.step(ready=False)["status"]
    assert (condition(status)["status"], status["backups"]) == ("True", ["2026-01-05T12:00:30Z"])
    name = job["metadata"]["name"]
    assert world.settle()["status"]["backups"] == ["2026-01-05T12:00:30Z"]
    world.parent["spec"]["backup"] = {**NOW, "keep": 5}
    assert [each["metadata"]["name"] for each in asked(world)] == [name]


def test_a_new_request_creates_a_new_job_and_removes_the_old_one(world: World) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    old = world.find("Job", "backup-now")["metadata"]["name"]
    world.parent["spec"]["backup"] = {**NOW, "requestedAt": "2026-01-06T12:00:00Z"}
    world.settle()
    assert world.find("Job", "backup-now")["metadata"]["name"] != old


def test_no_backup_is_made_until_the_shop_is_ready(settings: Settings) -> None:
    world = World(settings, store(backup=NOW))
    for _ in range(4):
        assert of_kind(world.step(ready=False), "Job", "backup-now") == []
    assert condition(world.ask()["status"])["reason"] == "Waiting"
    world.settle()
    assert len(asked(world)) == 1


def test_a_suspended_store_makes_a_requested_backup_once_it_is_open(world: World) -> None:
    world.settle()
    world.parent["spec"] |= {"backup": NOW, "suspended": True}
    world.settle()
    assert asked(world) == []
    world.parent["spec"]["suspended"] = False
    world.settle()
    assert len(asked(world)) == 1


def test_a_running_backup_finishes_before_a_suspended_stores_database_stops(world: World) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    world.find("Job", "backup-now")["status"] = {"active": 1, "ready": 1}
    world.parent["spec"]["suspended"] = True
    world.step(ready=False)
    answer = world.ask()
    (database,) = of_kind(answer, "StatefulSet", "database")
    (job,) = of_kind(answer, "Job", "backup-now")
    assert (database["spec"]["replicas"], job["spec"]["suspend"], answer["status"]["phase"]) == (1, False, "Suspending")


@pytest.mark.parametrize("change", [{"restoreFrom": {"backup": "latest"}}, {"adminEmail": "new@example.com"}])
def test_a_backup_gives_way_to_another_job_and_is_made_after_it(world: World, change: Object) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    world.find("Job", "backup-now")["status"] = {"active": 1, "ready": 1}
    world.parent["spec"] |= change
    before = {key for key in world.observed if key.kind == "Job"}
    for _ in range(6):
        world.step(ready=False)
        for key, seen in world.observed.items():
            if key.name.startswith("check"):
                make_ready(seen)
    made = {key for key in world.observed if key.kind == "Job"} - before
    assert [key.name for key in made if not key.name.startswith("check")] == []
    assert world.find("Job", "backup-now")["spec"]["suspend"] is True
    world.find("Job", "backup-now")["status"] = {"active": 0}
    assert world.settle()["status"]["phase"] == "Ready"
    (again,) = asked(world)
    assert again["spec"]["suspend"] is False


def test_a_failed_backup_leaves_the_shop_open_and_says_what_to_do(world: World) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    failed = {"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}
    world.find("Job", "backup-now")["status"] = {"conditions": [failed]}
    status = world.ask()["status"]
    assert (status["phase"], condition(status)["reason"]) == ("Ready", "JobFailed")
    assert "set spec.backup.requestedAt to the present time to try again" in condition(status)["message"]
    assert condition(status)["message"] in condition(status, "Ready")["message"]


def test_turning_backups_off_cancels_a_request(world: World) -> None:
    world.parent["spec"]["backup"] = NOW
    world.settle()
    del world.parent["spec"]["backup"]
    world.settle()
    assert asked(world) == []
