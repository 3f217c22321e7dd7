"""Measurements that the status keeps: when a store was first ready, and what its backups reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storeplatform.hooks.core.objects import Object
from storeplatform.hooks.settings import Settings

from .world import World, store

NIGHTLY = {"schedule": "0 3 * * *", "keep": 2}
REPORT = {"bytes": 1000, "databaseBytes": 80_000_000, "uploadsBytes": 0, "orders": 14}
LATER = "2026-01-01T00:09:00Z"


def pod(message: Any, ended: str = "2026-01-02T03:00:08Z", code: int = 0, component: str = "backup") -> Object:
    """Return an ended pod of a backup, as its kubelet reports it."""
    said = message if isinstance(message, str) else json.dumps(message)
    terminated = {"exitCode": code, "finishedAt": ended, "message": said}
    return {
        "metadata": {"name": "backup-1", "labels": {"app.kubernetes.io/component": component}},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "backup", "state": {"terminated": terminated}}],
        },
    }


@pytest.fixture
def nightly(settings: Settings) -> World:
    """A store whose CronJob has made one backup."""
    world = World(settings, store(backup=NIGHTLY))
    world.settle()
    back_up(world, "2026-01-02T03:00:10Z")
    return world


def back_up(world: World, at: str) -> None:
    world.find("CronJob", "backup")["status"] = {"lastSuccessfulTime": at}


def test_the_first_ready_status_contains_its_time(world: World) -> None:
    answers = []
    while not answers or answers[-1]["phase"] != "Ready":
        world.now = f"2026-01-01T00:00:{len(answers):02}Z"
        answers.append(world.step()["status"])
    assert answers[-1]["firstReady"] == world.now
    assert not any("firstReady" in before for before in answers[:-1])


@pytest.mark.parametrize("change", [{"suspended": True}, {"version": "2.20.1"}, {"plan": "gigantic"}])
def test_the_first_ready_time_never_changes(world: World, change: dict[str, Any]) -> None:
    first = world.settle()["status"]["firstReady"]
    world.now = LATER
    world.parent["spec"] |= change
    for _ in range(12):
        assert world.step()["status"]["firstReady"] == first
    world.parent["metadata"]["deletionTimestamp"] = LATER
    assert world.step()["status"]["firstReady"] == first


def test_a_store_that_was_ready_before_this_was_measured_has_no_first_time(world: World) -> None:
    world.settle()
    del world.parent["status"]["firstReady"]
    world.now = LATER
    assert "firstReady" not in world.settle()["status"]


def test_a_backups_report_is_in_the_status_that_lists_the_backup(nightly: World) -> None:
    nightly.pods = [pod(REPORT)]
    status = nightly.step()["status"]
    assert status["backupSizes"] == {"2026-01-02T03:00:10Z": 1000}
    assert status["usage"] == {
        "measuredAt": "2026-01-02T03:00:10Z",
        "databaseBytes": 80_000_000,
        "uploadsBytes": 0,
        "orders": 14,
    }


def test_a_report_waits_for_its_backup_to_be_listed(nightly: World) -> None:
    nightly.pods = [pod(REPORT, "2026-01-03T03:00:08Z")]
    assert "usage" not in nightly.step()["status"]
    back_up(nightly, "2026-01-03T03:00:10Z")
    assert nightly.step()["status"]["backupSizes"] == {"2026-01-03T03:00:10Z": 1000}


def test_a_report_is_matched_even_if_the_nodes_clock_is_ahead(nightly: World) -> None:
    nightly.pods = [pod(REPORT, "2026-01-02T03:00:40Z")]
    assert nightly.step()["status"]["backupSizes"] == {"2026-01-02T03:00:10Z": 1000}


def test_reports_outlive_their_pods_until_newer_ones_replace_them(nightly: World) -> None:
    nightly.pods = [pod(REPORT)]
    nightly.step()
    nightly.pods = []
    assert nightly.step()["status"]["usage"]["orders"] == 14
    back_up(nightly, "2026-01-03T03:00:10Z")
    nightly.pods = [pod(REPORT), pod({**REPORT, "bytes": 2000, "orders": 0}, "2026-01-03T03:00:08Z")]
    status = nightly.step()["status"]
    assert status["usage"] == {**status["usage"], "measuredAt": "2026-01-03T03:00:10Z", "orders": 0}
    assert status["backupSizes"] == {"2026-01-02T03:00:10Z": 1000, "2026-01-03T03:00:10Z": 2000}
    nightly.parent["spec"]["suspended"] = True
    assert nightly.step()["status"]["usage"] == status["usage"]


def test_the_size_of_an_unlisted_backup_is_removed(nightly: World) -> None:
    for day in range(2, 6):
        back_up(nightly, f"2026-01-0{day}T03:00:10Z")
        nightly.pods = [pod(REPORT, f"2026-01-0{day}T03:00:08Z")]
        nightly.step()
    assert list(nightly.parent["status"]["backupSizes"]) == ["2026-01-04T03:00:10Z", "2026-01-05T03:00:10Z"]


def test_what_a_backup_could_not_count_is_not_in_the_status(nightly: World) -> None:
    nightly.pods = [pod({"bytes": 5, "orders": 3})]
    assert nightly.step()["status"]["usage"] == {"measuredAt": "2026-01-02T03:00:10Z", "orders": 3}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not JSON",
        "[1]",
        "null",
        {"bytes": "1000", "orders": True, "databaseBytes": -1, "uploadsBytes": 2**53},
        {"bytes": 1.5, "orders": None, "password": "of the database"},
        '{"orders": 1}' + " " * 1000,
    ],
)
def test_a_malformed_report_is_ignored(nightly: World, message: Any) -> None:
    nightly.pods = [pod(message)]
    status = nightly.step()["status"]
    assert (status["backups"], "usage" in status, "backupSizes" in status) == (["2026-01-02T03:00:10Z"], False, False)


@pytest.mark.parametrize(
    "other",
    [pod(REPORT, code=1), pod(REPORT, component="backend"), pod(REPORT, ended="soon"), {"metadata": {}, "status": 1}],
)
def test_only_a_successful_backup_reports(nightly: World, other: Object) -> None:
    nightly.pods = [other]
    assert "usage" not in nightly.step()["status"]
