"""What blocks for too long has failed, says so, and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.hooks.core.request import Object

from .world import START, World, ready

SOON, REFUSED, LATE = "2026-01-01T00:00:14Z", "2026-01-01T00:00:15Z", "2026-01-01T00:10:00Z"


def missing(world: World, kind: str, name: str) -> None:
    """The object is asked for, and does not come."""
    for key in [key for key in world.observed if (key.kind, key.name) == (kind, name)]:
        del world.observed[key]


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("Hostname", "demo.stores.localhost", "HostnameTaken"),
        ("Namespace", "store-demo", "NamespaceTaken"),
        ("Service", "backend", "ChildRefused"),
    ],
)
def test_an_object_that_does_not_come_was_refused(world: World, kind: str, name: str, reason: str) -> None:
    world.settle()
    missing(world, kind, name)
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = SOON
    assert ready(world.ask()["status"])[0] == "Creating"
    world.now = REFUSED
    status = world.ask()["status"]
    assert (ready(status)[0], status["phase"]) == (reason, "Failed")


def blocked(world: World, kind: str, name: str, its_status: dict[str, Any], at: str) -> Object:
    """The status when that has blocked since START and it is now ``at``."""
    world.settle()
    world.find(kind, name)["status"] = its_status
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = at
    status: Object = world.ask()["status"]
    return status


def test_what_blocks_for_the_deadline_has_failed(world: World) -> None:
    status = blocked(world, "StatefulSet", "database", {"observedGeneration": 1, "updatedReplicas": 1}, LATE)
    assert status["phase"] == "Failed"
    assert ready(status)[1] == "DatabaseReady: StatefulSet database: 0 of 1 pods are ready; so for 600 s"
    assert status["waiting"] == {"for": "DatabaseReady: StatefulSet database", "since": START}


def test_the_deadline_begins_anew_when_the_spec_changes(world: World) -> None:
    blocked(world, "StatefulSet", "database", {"observedGeneration": 1, "updatedReplicas": 1}, LATE)
    world.parent["metadata"]["generation"] = 2
    status = world.ask()["status"]
    assert (status["phase"], status["waiting"]["since"]) == ("Degraded", LATE)


def test_a_job_that_runs_may_take_as_long_as_the_data_is_large(world: World) -> None:
    status = blocked(world, "Job", "migrate-", {"active": 1, "ready": 1}, LATE)
    assert (status["phase"], ready(status)[0]) == ("Degraded", "JobRunning")


@pytest.mark.parametrize(
    ("container", "reason", "words"),
    [
        (
            {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}},
            "ImagePullFailed",
            "container c: ErrImagePull: not found",
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            },
            "CrashLoop",
            "container c: exit code 137 (OOMKilled): back-off",
        ),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret x"}}},
            "ContainerNotCreated",
            "container c: CreateContainerConfigError: no secret x",
        ),
    ],
)
def test_a_pods_own_words_come_before_counts(world: World, container: dict[str, Any], reason: str, words: str) -> None:
    world.settle()
    labels = {"app.kubernetes.io/component": "backend"}
    world.pods = [
        {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": [{"name": "c", **container}]}}
    ]
    world.find("Deployment", "backend")["status"] = {"observedGeneration": 1, "updatedReplicas": 1}
    assert ready(world.ask()["status"]) == (reason, f"BackendReady: Deployment backend: pod p, {words}")
