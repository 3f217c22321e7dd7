"""Expiry in the core: the clock is an input."""

from __future__ import annotations

import pytest

from storeplatform.hooks.settings import Settings

from .world import World, conditions, ready, store

CLOSES = "2026-02-01T00:00:00Z"
BEFORE, WARNED, CLOSED, LONG_CLOSED = (
    "2026-01-28T00:00:00Z",
    "2026-01-30T00:00:00Z",
    "2026-02-01T00:00:01Z",
    "2026-02-01T02:00:00Z",
)


@pytest.fixture
def world(settings: Settings) -> World:
    """A Ready store with an expiry."""
    world = World(settings, store(expiresAt=CLOSES))
    world.settle()
    return world


def test_nothing_is_reported_until_72_hours_before(world: World) -> None:
    world.now = BEFORE
    answer = world.ask()
    assert "Expiring" not in conditions(answer["status"])
    assert answer["status"]["deletesAt"] == "2026-02-08T00:00:00Z"


def test_it_is_announced_72_hours_before_while_the_shop_is_open(world: World) -> None:
    world.now = WARNED
    status = world.ask()["status"]
    assert (status["phase"], conditions(status)["Expiring"]) == ("Ready", "True")


def test_the_next_sync_is_at_the_expiry(world: World) -> None:
    world.now = "2026-01-31T23:59:50Z"
    assert world.ask()["resyncAfterSeconds"] == 11


def test_the_shop_closes_after_a_last_backup(world: World) -> None:
    world.now = CLOSED
    world.step()
    first = world.step(ready=False)
    assert [c["metadata"]["name"][:8] for c in first["children"] if c["kind"] == "Job"].count("snapshot") == 1
    assert first["status"]["phase"] != "Suspended"
    suspended = world.settle()["status"]
    assert (suspended["phase"], suspended["lastBackup"]) == ("Suspended", "expired-20260201t000000z")
    assert ready(suspended) == (
        "Expired",
        f"the shop closed at {CLOSES} and is deleted with its data at 2026-02-08T00:00:00Z: "
        "move spec.expiresAt to keep it",
    )


def test_a_last_backup_that_fails_does_not_keep_the_shop_open(world: World) -> None:
    world.now = LONG_CLOSED
    assert world.ask()["status"]["phase"] == "Suspending"


def test_a_later_expiry_opens_the_shop_again(world: World) -> None:
    world.now = CLOSED
    world.settle()
    world.parent["spec"]["expiresAt"] = "2027-01-01T00:00:00Z"
    status = world.settle()["status"]
    assert (status["phase"], "Expiring" in conditions(status)) == ("Ready", False)
    assert status["deletesAt"] == "2027-01-08T00:00:00Z"


def test_without_an_expiry_nothing_is_reported(world: World) -> None:
    del world.parent["spec"]["expiresAt"]
    assert "deletesAt" not in world.settle()["status"]
