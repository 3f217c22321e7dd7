"""Stores that run a retired version keep it, and no other store gets it."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.hooks.settings import Settings

from .world import World, conditions, ready, store

OLD, NEW = "2.20.1", "2.21.2"


@pytest.fixture
def retired(settings_with: Any) -> Settings:
    """The shipped settings, with Medusa's older version retired."""
    settings: Settings = settings_with(retiredVersions={"medusa": [OLD]})
    return settings


@pytest.fixture
def old(settings: Settings, retired: Settings) -> World:
    """A store that ran the version before it was retired."""
    world = World(settings, store(version=OLD))
    world.settle()
    world.settings = retired
    return world


def condition(world: World, kind: str) -> dict[str, Any]:
    (found,) = [each for each in world.parent["status"]["conditions"] if each["type"] == kind]
    return found


def test_a_new_store_can_not_choose_a_retired_version(retired: Settings) -> None:
    refused = World(retired, store(version=OLD)).ask()
    words = f"spec.version {OLD} is retired: edit the Store to choose {NEW}"
    assert ready(refused["status"]) == ("RetiredVersion", f"Accepted: {words}")
    assert refused["children"] == []


def test_the_first_version_that_is_not_retired_is_the_default(settings_with: Any) -> None:
    world = World(settings_with(retiredVersions={"medusa": [NEW]}), store())
    assert world.settle()["status"]["release"]["running"] == OLD


@pytest.mark.parametrize("named", [True, False])
def test_a_store_that_runs_one_stays_ready_and_reports_it(old: World, named: bool) -> None:
    if not named:
        del old.parent["spec"]["version"]
    before = dict(old.observed)
    status = old.settle()["status"]
    assert (status["phase"], status["release"]["running"]) == ("Ready", OLD)
    assert old.observed == before
    retired = condition(old, "VersionRetired")
    assert (retired["status"], retired["reason"]) == ("True", "Retired")
    assert retired["message"] == f"Medusa {OLD} is retired and gets no more fixes: set spec.version to {NEW}"


def test_a_store_that_runs_one_is_suspended_and_resumed(old: World) -> None:
    old.parent["spec"]["suspended"] = True
    assert old.settle()["status"]["phase"] == "Suspended"
    assert condition(old, "VersionRetired")["status"] == "True"
    old.parent["spec"]["suspended"] = False
    assert old.settle()["status"]["phase"] == "Ready"


def test_a_store_that_runs_one_is_backed_up_and_restored(old: World) -> None:
    old.parent["spec"]["backup"] = {"schedule": "0 3 * * *"}
    old.settle()
    old.find("CronJob", "backup")["status"] = {"lastSuccessfulTime": "2026-01-02T03:00:00Z"}
    assert old.settle()["status"]["backups"] == ["2026-01-02T03:00:00Z"]
    old.parent["spec"]["restoreFrom"] = {"backup": "2026-01-02T03:00:00Z"}
    status = old.settle()["status"]
    assert (status["phase"], status["restored"]) == ("Ready", "demo/2026-01-02T03:00:00Z")
    assert status["release"]["running"] == OLD


def test_a_store_that_runs_one_takes_its_last_backup_when_it_expires(old: World) -> None:
    old.parent["spec"]["expiresAt"] = "2025-12-31T23:00:00Z"
    status = old.settle()["status"]
    assert (status["phase"], status["lastBackup"]) == ("Suspended", "expired-20260101t000000z")


def test_a_store_that_runs_one_is_deleted(old: World) -> None:
    old.parent["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    old.settle()
    assert old.ask()["finalized"] is True


def test_a_store_that_leaves_one_no_longer_reports_it_and_can_not_go_back(old: World) -> None:
    old.parent["spec"]["version"] = NEW
    status = old.settle()["status"]
    assert status["release"]["running"] == NEW
    assert "VersionRetired" not in conditions(status)
    old.parent["spec"]["version"] = OLD
    assert ready(old.ask()["status"])[0] == "RetiredVersion"


def test_a_failed_upgrade_returns_to_the_retired_version(old: World) -> None:
    old.parent["spec"]["version"] = NEW
    old.step()
    old.now = "2026-01-01T01:00:00Z"
    for _ in range(3):
        old.step(ready=False)
    assert old.parent["status"]["release"]["rejected"] == NEW
    old.now = "2026-01-01T01:00:10Z"
    status = old.settle()["status"]
    assert (status["phase"], status["release"]["running"]) == ("Ready", OLD)
    assert condition(old, "VersionRetired")["status"] == "True"
