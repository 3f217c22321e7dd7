"""What blocks for too long has failed, is reported, and says what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from storeplatform.common.reasons import REASONS
from storeplatform.hooks.core import progress
from storeplatform.hooks.core.objects import Object

from .world import START, World, ready

SOON, REFUSED, LATE = "2026-01-01T00:00:14Z", "2026-01-01T00:00:15Z", "2026-01-01T00:10:00Z"


def missing(world: World, kind: str, name: str) -> None:
    """The object is desired, and never observed."""
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
def test_an_object_that_is_never_observed_was_refused(world: World, kind: str, name: str, reason: str) -> None:
    world.settle()
    missing(world, kind, name)
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = SOON
    assert ready(world.ask()["status"])[0] == "Creating"
    world.now = REFUSED
    status = world.ask()["status"]
    assert (ready(status)[0], status["phase"]) == (reason, "Failed")


def blocked(world: World, kind: str, name: str, its_status: dict[str, Any], at: str) -> Object:
    """Return the status at the time ``at``, if that has blocked since START."""
    world.settle()
    world.find(kind, name)["status"] = its_status
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = at
    status: Object = world.ask()["status"]
    return status


def test_what_blocks_until_the_deadline_has_failed(world: World) -> None:
    status = blocked(world, "StatefulSet", "database", {"observedGeneration": 1, "updatedReplicas": 1}, LATE)
    assert status["phase"] == "Failed"
    assert ready(status)[1] == (
        "DatabaseReady: StatefulSet database: 0 of 1 pods are ready (for the last 600 s); "
        "read the pod's log with kubectl logs, or choose another version"
    )
    assert status["waiting"] == {"for": "DatabaseReady: StatefulSet database", "since": START}


def test_a_store_that_is_not_ready_is_synced_again_within_half_a_minute(world: World) -> None:
    """In case the event that should have caused a sync was lost."""
    world.settle()
    world.find("Deployment", "backend")["status"] = {"observedGeneration": 1, "updatedReplicas": 1}
    for uid in map(str, range(100)):
        world.parent["metadata"]["uid"] = uid
        assert 0 < world.ask()["resyncAfterSeconds"] < 30


# They have no deadline here: a Job limits its own retries, closing is not a failure, and an object that another stage
# waits for has its own reason.
WITHOUT_REMEDY = {"Creating", "JobRunning", "Suspended", "Suspending", "Terminating", "Waiting"}


def test_every_reason_that_may_last_has_a_remedy() -> None:
    source = "".join(path.read_text() for path in Path(progress.__file__).parent.glob("*.py"))
    used = set(re.findall(r'(?:Blocker|Cause|NotAccepted)\(\s*"([A-Z]\w+)"', source))
    used |= set(re.findall(r'reason="([A-Z]\w+)"', source))
    assert {"PodsNotReady", "CrashLoop", "NamespaceNotActive", "RetiredVersion", "HostnameTaken"} <= used
    assert used <= REASONS.keys()
    assert {reason for reason in used if not REASONS[reason].remedy} == WITHOUT_REMEDY


def test_a_change_of_the_spec_restarts_the_deadline(world: World) -> None:
    blocked(world, "StatefulSet", "database", {"observedGeneration": 1, "updatedReplicas": 1}, LATE)
    world.parent["metadata"]["generation"] = 2
    status = world.ask()["status"]
    assert (status["phase"], status["waiting"]["since"]) == ("Degraded", LATE)


def test_a_running_job_has_no_deadline(world: World) -> None:
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
def test_a_pods_own_message_comes_before_counts(
    world: World, container: dict[str, Any], reason: str, words: str
) -> None:
    world.settle()
    labels = {"app.kubernetes.io/component": "backend"}
    world.pods = [
        {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": [{"name": "c", **container}]}}
    ]
    world.find("Deployment", "backend")["status"] = {"observedGeneration": 1, "updatedReplicas": 1}
    assert ready(world.ask()["status"]) == (reason, f"BackendReady: Deployment backend: pod p, {words}")


OOM = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": START}
CRASHED = {"name": "c", "restartCount": 1, "ready": False, "state": {"running": {}}, "lastState": {"terminated": OOM}}


def cause_of(world: World, container: Object, at: str, **metadata: Any) -> tuple[str, str]:
    """Return why the store is not ready at that time, with a backend that is not ready and has this container."""
    world.settle()
    meta = {"name": "p", "labels": {"app.kubernetes.io/component": "backend"}, **metadata}
    world.pods = [{"metadata": meta, "status": {"containerStatuses": [container]}}]
    world.find("Deployment", "backend")["status"] = {"observedGeneration": 1, "updatedReplicas": 1}
    world.now = at
    return ready(world.ask()["status"])


def test_a_container_that_has_just_crashed_is_reported_with_its_cause(world: World) -> None:
    words = "BackendReady: Deployment backend: pod p, container c: exit code 137 (OOMKilled)"
    assert cause_of(world, CRASHED, "2026-01-01T00:09:59Z") == ("CrashLoop", words)


@pytest.mark.parametrize(
    ("container", "at", "metadata"),
    [
        (CRASHED, "2026-01-01T00:11:00Z", {}),
        ({**CRASHED, "ready": True}, START, {}),
        (CRASHED, START, {"deletionTimestamp": START}),
        ({**CRASHED, "lastState": {"terminated": {**OOM, "exitCode": 255, "reason": "Unknown"}}}, START, {}),
    ],
    ids=["long ago", "ready since", "being deleted", "the node's power failed"],
)
def test_a_crash_of_long_ago_is_not_a_cause(world: World, container: Object, at: str, metadata: Object) -> None:
    assert cause_of(world, container, at, **metadata)[0] == "PodsNotReady"


def test_an_exit_without_a_message_leaves_no_empty_words(world: World) -> None:
    killed = {"exitCode": 137, "finishedAt": START}
    container = {"name": "c", "restartCount": 2, "state": {"terminated": killed}}
    assert cause_of(world, container, START)[1].endswith("container c: exit code 137 (Error)")


def test_an_evicted_pod_is_not_a_cause_once_another_replaced_it(world: World) -> None:
    world.settle()
    labels = {"app.kubernetes.io/component": "backend"}
    ended = {"name": "c", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}
    world.pods = [
        {"metadata": {"name": "old", "labels": labels, "creationTimestamp": START},
         "status": {"phase": "Failed", "containerStatuses": [ended]}},
        {"metadata": {"name": "new", "labels": labels, "creationTimestamp": LATE}, "status": {"phase": "Running"}},
    ]  # fmt: skip
    world.find("Deployment", "backend")["status"] = {"observedGeneration": 1, "updatedReplicas": 1}
    assert ready(world.ask()["status"])[0] == "PodsNotReady"


def test_a_job_with_retries_left_has_not_failed(world: World) -> None:
    world.settle()
    job = world.find("Job", "migrate-")
    job["spec"]["selector"], job["status"] = {"matchLabels": {"job": "1"}}, {"active": 0, "failed": 1}
    ended = {"name": "c", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
    meta = {"name": "p", "labels": {"job": "1"}}
    world.pods = [{"metadata": meta, "status": {"phase": "Failed", "containerStatuses": [ended]}}]
    world.parent["status"] = world.ask()["status"] | {"observedGeneration": 1}
    world.now = LATE
    status = world.ask()["status"]
    assert (status["phase"], ready(status)[0]) == ("Degraded", "ContainerFailed")


def test_an_object_that_was_recreated_has_its_whole_deadline_again(world: World) -> None:
    blocked(world, "StatefulSet", "database", {"observedGeneration": 1, "updatedReplicas": 1}, LATE)
    world.find("StatefulSet", "database")["metadata"]["creationTimestamp"] = "2026-01-01T00:09:58Z"
    status = world.ask()["status"]
    assert (status["phase"], status["waiting"]["since"]) == ("Degraded", "2026-01-01T00:09:58Z")
