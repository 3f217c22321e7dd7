"""The status: it reports what is observed, in order, and changes only if something has changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .world import START, World, conditions, ready

LATER = "2026-01-01T01:00:00Z"


def test_a_new_store_is_pending_on_its_host(world: World) -> None:
    status = world.ask()["status"]
    assert status["phase"] == "Pending"
    assert ready(status) == ("Creating", "Exposed: Hostname demo.stores.localhost is being created")


def test_a_provisioning_store_names_what_it_waits_for(world: World) -> None:
    for _ in range(4):
        world.step(ready=False)
        for obj in world.observed.values():
            if obj["kind"] == "Namespace":
                obj["status"] = {"phase": "Active"}
    status = world.ask()["status"]
    assert status["phase"] == "Provisioning"
    assert ready(status) == (
        "VolumePending",
        "DatabaseReady: PersistentVolumeClaim database waits for its volume",
    )


def test_a_ready_store_reports_its_addresses_and_its_credentials_secret(world: World) -> None:
    status = world.settle()["status"]
    assert {name: status[name] for name in ("phase", "url", "adminURL", "credentialsSecret", "engine", "release")} == {
        "phase": "Ready",
        "url": "http://demo.stores.localhost",
        "adminURL": "http://demo.stores.localhost/app",
        "credentialsSecret": "store-demo/credentials",
        "engine": "medusa",
        "release": {"target": "2.21.2", "running": "2.21.2", "since": START},
    }


def test_the_same_request_gets_the_same_bytes(world: World) -> None:
    world.settle()
    assert json.dumps(world.ask()) == json.dumps(world.ask())


def test_transition_times_are_carried_over(world: World) -> None:
    world.settle()
    world.now = LATER
    assert {c["lastTransitionTime"] for c in world.ask()["status"]["conditions"]} == {START}


def test_a_changed_condition_gets_a_new_transition_time(world: World) -> None:
    world.settle()
    world.now = LATER
    world.find("Deployment", "backend")["status"]["availableReplicas"] = 0
    flipped = {c["type"] for c in world.ask()["status"]["conditions"] if c["lastTransitionTime"] == LATER}
    assert flipped == {"BackendReady", "Progressing", "Ready"}


BLOCKED: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    (
        "Deployment",
        "backend",
        {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                         "message": 'pods "backend-1" is forbidden: exceeded quota: plan'}]},
        "Degraded",
        "QuotaExceeded",
        'BackendReady: Deployment backend: pods "backend-1" is forbidden: exceeded quota: plan',
    ),
    (
        "Deployment",
        "backend",
        {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                         "message": 'ReplicaSet "backend-1" has timed out progressing.'}]},
        "Failed",
        "ProgressDeadlineExceeded",
        'BackendReady: Deployment backend: ReplicaSet "backend-1" has timed out progressing; '
        "read the pod's log with kubectl logs, or choose another version",
    ),
    (
        "Deployment",
        "storefront",
        {"observedGeneration": 0},
        "Degraded",
        "RollingOut",
        "StorefrontReady: Deployment storefront has a change that its controller has not seen yet",
    ),
    (
        "Deployment",
        "storefront",
        {"observedGeneration": 1, "updatedReplicas": 0},
        "Degraded",
        "RollingOut",
        "StorefrontReady: Deployment storefront: 0 of 1 pods are up to date",
    ),
    (
        "Deployment",
        "storefront",
        {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 2},
        "Degraded",
        "RollingOut",
        "StorefrontReady: Deployment storefront: old pods are still ending",
    ),
    (
        "PersistentVolumeClaim",
        "database",
        {"phase": "Lost"},
        "Failed",
        "VolumeLost",
        "DatabaseReady: PersistentVolumeClaim database has lost its volume: restore the volume or delete the store",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "its_status", "phase", "reason", "message"), BLOCKED)
def test_the_first_blocker_is_reported_in_its_own_words(
    world: World, kind: str, name: str, its_status: dict[str, Any], phase: str, reason: str, message: str
) -> None:
    world.settle()
    world.find(kind, name)["status"] = its_status
    status = world.ask()["status"]
    assert (status["phase"], *ready(status)) == (phase, reason, message)


def test_a_failed_job_fails_the_store_with_its_own_message(world: World) -> None:
    world.settle()
    job = world.find("Job", "migrate-")
    job["status"] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                                     "message": "Job has reached the specified backoff limit"}]}  # fmt: skip
    status = world.ask()["status"]
    assert status["phase"] == "Failed"
    assert ready(status) == (
        "JobFailed",
        f"Migrated: Job {job['metadata']['name']} failed: Job has reached the specified backoff limit; "
        "delete the Job to run it again",
    )


def test_a_child_that_is_being_deleted_is_not_ready(world: World) -> None:
    world.settle()
    world.find("Namespace", "store-demo")["metadata"]["deletionTimestamp"] = START
    assert ready(world.ask()["status"]) == (
        "BeingDeleted",
        "NamespaceReady: Namespace store-demo is being deleted and will be created again",
    )


UNKNOWN = [
    (
        "engine",
        "magento",
        "UnknownEngine",
        "spec.engine must be one of medusa, woocommerce: edit the Store to choose one",
    ),
    ("plan", "huge", "UnknownPlan", "spec.plan must be one of small, medium, large: edit the Store to choose one"),
    ("version", "1.0", "UnknownVersion", "spec.version must be one of 2.21.2, 2.20.1: edit the Store to choose one"),
]


@pytest.mark.parametrize(("field", "value", "reason", "message"), UNKNOWN)
def test_an_unavailable_choice_is_refused_with_the_choices(
    world: World, field: str, value: str, reason: str, message: str
) -> None:
    world.parent["spec"][field] = value
    answer = world.ask()
    assert answer["children"] == []
    assert conditions(answer["status"]) == {"Accepted": "False", "Ready": "False"}
    assert ready(answer["status"]) == (reason, f"Accepted: {message}")


def test_a_refused_edit_removes_nothing_from_a_running_shop(world: World) -> None:
    settled = world.settle()
    world.parent["spec"]["version"] = "0.0.1"
    answer = world.ask()
    assert sorted(map(str, answer["children"])) == sorted(map(str, settled["children"]))
    assert answer["status"]["url"] == settled["status"]["url"]
    assert conditions(answer["status"])["BackendReady"] == "True"


def test_the_engine_of_an_accepted_store_can_not_change(world: World) -> None:
    world.settle()
    world.parent["status"]["engine"] = "another"
    assert ready(world.ask()["status"])[0] == "EngineChanged"


def test_a_store_without_a_version_keeps_the_one_it_was_created_with(world: World) -> None:
    world.parent["status"] = {"release": {"target": "2.21.2"}}
    assert world.ask()["status"]["release"]["target"] == "2.21.2"


def test_every_status_field_the_hooks_write_is_in_the_schema(world: World) -> None:
    import yaml

    from storeplatform.metacontroller import MANIFESTS

    crd = next(yaml.safe_load_all((MANIFESTS / "platform" / "crd.yaml").read_text()))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    status = world.settle()["status"]
    assert set(status) <= set(schema)
    assert set(status["release"]) <= set(schema["release"]["properties"])
    assert set(status["conditions"][0]) == set(schema["conditions"]["items"]["properties"])
    assert status["phase"] in schema["phase"]["enum"]
