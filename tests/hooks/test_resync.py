"""What is written, and when the hooks are called again: nothing else triggers a sync after their own status."""

from __future__ import annotations

from typing import Any

from storeplatform.hooks.core.passing import PASSING_SECONDS
from storeplatform.hooks.core.sync import NEXT_STEP_SECONDS
from storeplatform.hooks.settings import Settings

from .simulation import GOOD, NEW, Simulation
from .world import World, ready, store


def waiting_for_the_database(world: World, seconds: int = 0) -> Any:
    """Return the response so long after the database was desired, while its pod is not ready."""
    for _ in range(3):
        world.step()
    world.step(ready=False)
    world.now = f"2026-01-01T00:00:{seconds:02d}Z"
    return world.ask()


def test_a_new_store_becomes_ready_with_seven_status_writes(world: World) -> None:
    written = []
    for _ in range(10):
        before = world.parent.get("status")
        written.append(world.step()["status"] != before)
    assert (sum(written), world.parent["status"]["phase"]) == (7, "Ready")


def test_a_transient_message_is_not_reported_at_once(world: World) -> None:
    before = waiting_for_the_database(world)["status"]
    assert ready(before) == ("Creating", "DatabaseReady: StatefulSet database is being created")
    assert before == world.parent["status"]


def test_a_transient_message_is_reported_after_a_resync(world: World) -> None:
    assert waiting_for_the_database(world, 2)["resyncAfterSeconds"] == PASSING_SECONDS - 2
    world.now = f"2026-01-01T00:00:{PASSING_SECONDS:02d}Z"
    assert ready(world.ask()["status"])[0] == "RollingOut"


def test_what_keeps_a_pod_from_running_is_reported_at_once(world: World) -> None:
    waiting_for_the_database(world)
    waits = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    world.pods = [
        {
            "metadata": {"name": "database-0", "labels": {"app.kubernetes.io/component": "database"}},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "postgresql", "state": waits}]},
        }
    ]
    assert ready(world.ask()["status"])[0] == "ImagePullFailed"


def test_a_changed_spec_is_reported_at_once(world: World) -> None:
    waiting_for_the_database(world)
    world.parent["metadata"]["generation"] = 2
    assert {c["observedGeneration"] for c in world.ask()["status"]["conditions"]} == {2}


def test_a_store_is_settled_only_once_its_status_was_observed(world: World) -> None:
    paces = world.settings.values["resyncSeconds"]
    world.settle()
    world.parent["status"] = {**world.parent["status"], "observedGeneration": 1}
    assert world.ask()["resyncAfterSeconds"] > paces["settled"] * 0.7
    del world.parent["status"]["phase"]
    assert world.ask()["resyncAfterSeconds"] < paces["changing"] * 1.3


def test_what_follows_from_a_status_is_synced_soon(four_versions: Settings) -> None:
    shop = Simulation(four_versions, store(version=GOOD))
    shop.settle()
    shop.change(version=NEW)
    shop.wait(1)
    shop.sync()
    shop.wait(four_versions.values["upgradeDeadlineSeconds"] + 1)
    shop.sync()
    # The version is rejected by this status, and the running version replaces it with the next response.
    assert shop.status["release"]["rejected"] == NEW
    assert shop.answer["resyncAfterSeconds"] == NEXT_STEP_SECONDS
