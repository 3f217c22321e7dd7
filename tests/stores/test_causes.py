"""Each cause of failure, produced for real: reported within 30 s, in the cause's own words, and recovered from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.values import settings_of

from .engines import CRASHING, FAILING, GOOD, STAGES, UNPULLABLE, with_more_versions
from .platform import API, Platform

WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
def platform(binary: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with plans and versions that can't work, at its usual pace."""
    engines = with_more_versions(tmp_path_factory.mktemp("engines"))
    plans: dict[str, Any] = settings_of("hooks")["plans"]
    plans["giant"] = yaml.safe_load(yaml.safe_dump(plans["small"]))
    plans["giant"]["resources"]["backend"]["requests"]["memory"] = "200Ti"
    plans["giant"]["resources"]["backend"]["limits"]["memory"] = "200Ti"
    plans["giant"]["quota"] |= {"requests.memory": "900Ti", "limits.memory": "900Ti"}
    plans["tight"] = yaml.safe_load(yaml.safe_dump(plans["small"]))
    plans["tight"]["quota"]["pods"] = "2"
    with (
        ControlPlane(extra_stages=STAGES) as plane,
        Platform(plane, engines=engines, settings={"plans": plans}) as made,
    ):
        yield made


def reported(platform: Platform, name: str, reason: str, *words: str) -> Object:
    """Wait until the Store's Ready condition has that reason and all of the words; return the Store."""

    def found() -> Object | None:
        store = platform.store(name)
        found = next((c for c in store.get("status", {}).get("conditions", []) if c["type"] == "Ready"), None)
        if not found or found["reason"] != reason or not all(word in found["message"] for word in words):
            return None
        return store

    try:
        return wait_until(found, f"{name} reports {reason}", WITHIN_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}: {platform.store(name).get('status')}") from None


@pytest.mark.parametrize(
    ("version", "reason", "words"),
    [
        (
            UNPULLABLE,
            "ImagePullFailed",
            ["Migrated: Job migrate-", "ImagePullBackOff", "Back-off pulling image unpullable"],
        ),
        (CRASHING, "CrashLoop", ["BackendReady: Deployment backend", "exit code 1", "the database has another schema"]),
        (
            FAILING,
            "JobFailed",
            ["Migrated: Job migrate-", "backoff limit", "relation exists already", "delete the Job"],
        ),
    ],
)
def test_a_pods_problem_is_reported_and_another_version_resolves_it(
    platform: Platform, version: str, reason: str, words: list[str]
) -> None:
    name = version.partition("-")[2]
    platform.apply(name, version=version)
    reported(platform, name, reason, *words)
    platform.apply(name, version=GOOD)
    platform.await_phase(name, "Ready")


def test_a_failed_migration_is_fatal_and_says_what_to_do(platform: Platform) -> None:
    platform.apply("fatal", version=FAILING)
    store = reported(platform, "fatal", "JobFailed", "delete the Job to run it again")
    assert store["status"]["phase"] == "Failed"
    progressing = next(c for c in store["status"]["conditions"] if c["type"] == "Progressing")
    assert progressing["status"] == "False"


def test_an_unschedulable_pod_is_reported_with_the_schedulers_message(platform: Platform) -> None:
    platform.apply("giant", plan="giant")
    reported(
        platform, "giant", "Unschedulable", "BackendReady: Deployment backend", "0/1 nodes are available", "memory"
    )
    platform.apply("giant", plan="small")
    platform.await_phase("giant", "Ready")


def test_a_quotas_refusal_is_reported_with_its_own_message(platform: Platform) -> None:
    platform.apply("tight", plan="tight")
    reported(platform, "tight", "QuotaExceeded", "Deployment storefront", "exceeded quota: plan", "limited: pods=2")
    platform.apply("tight", plan="small")
    platform.await_phase("tight", "Ready")


def test_a_taken_host_is_reported_and_free_once_the_other_store_is_deleted(platform: Platform) -> None:
    platform.apply("first", hostname="shop.example.com")
    platform.await_phase("first", "Ready")
    platform.apply("second", hostname="shop.example.com")
    store = reported(
        platform, "second", "HostnameTaken", "the host shop.example.com belongs to another store: choose another"
    )
    assert store["status"]["phase"] == "Failed"
    assert [c["kind"] for c in platform.children("second")] == []
    platform.client.delete(platform.store("first"))
    wait_until(lambda: platform.client.find(API, "Store", "first") is None, "the first store is gone", 90)
    platform.await_phase("second", "Ready", 90)


def test_a_running_shop_that_requests_a_taken_host_keeps_its_own(platform: Platform) -> None:
    platform.apply("holder", hostname="held.example.com")
    platform.apply("mover", hostname="mover.example.com")
    for name in ("holder", "mover"):
        platform.await_phase(name, "Ready")
    platform.apply("mover", hostname="held.example.com")
    reported(platform, "mover", "HostnameTaken")
    ingress = platform.client.get("networking.k8s.io/v1", "Ingress", "store", "store-mover")
    assert ingress["spec"]["rules"][0]["host"] == "mover.example.com"
    assert platform.client.find(API, "Hostname", "mover.example.com") is not None


def test_a_namespace_of_somebody_else_is_reported_and_left_alone(platform: Platform) -> None:
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "store-taken", "labels": {"whose": "ours"}},
    }
    platform.client.create(namespace)
    platform.apply("taken")
    store = reported(
        platform,
        "taken",
        "NamespaceTaken",
        "Namespace store-taken exists, but does not belong to this store: create the store under another name",
    )
    assert store["status"]["phase"] == "Failed"
    assert platform.client.get("v1", "Namespace", "store-taken")["metadata"]["labels"]["whose"] == "ours"
    platform.client.delete(namespace)
    platform.await_phase("taken", "Ready", 90)


def test_a_child_that_admission_refuses_is_reported(platform: Platform, refusing: Callable[[], None]) -> None:
    platform.apply("refused")
    store = reported(
        platform, "refused", "ChildRefused", "Service storefront was applied", "kubectl describe store refused"
    )
    assert store["status"]["phase"] == "Failed"
    shown = platform.plane.kubectl("describe", "store", "refused")
    assert "no storefronts today" in shown or "stand-in" in platform.loop.which
    refusing()
    platform.await_phase("refused", "Ready", 90)


@pytest.fixture
def refusing(platform: Platform) -> Iterator[Callable[[], None]]:
    """An admission policy that refuses the storefront's Service of one store; calling it removes the policy."""
    name = {"metadata": {"name": "no-storefronts"}}
    group = "admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicy",
        **name,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]}
                ]
            },
            "validations": [
                {
                    "expression": "object.metadata.name != 'storefront' || "
                    "!(object.metadata.namespace in ['default', 'store-refused'])",
                    "message": "no storefronts today",
                }
            ],
        },
    }
    binding = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicyBinding",
        **name,
        "spec": {"policyName": "no-storefronts", "validationActions": ["Deny"]},
    }
    platform.client.apply(policy)
    platform.client.apply(binding)
    probe = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "storefront", "namespace": "default"},
        "spec": {"ports": [{"port": 1}]},
    }
    wait_until(lambda: refuses(platform, probe), "the policy is in force")

    def end() -> None:
        platform.client.delete(binding)

    yield end
    platform.client.delete(policy)


def refuses(platform: Platform, probe: Object) -> bool:
    try:
        platform.client.create(probe, dryRun="All")
    except Exception as error:
        return "no storefronts today" in str(error)
    return False


def test_an_unbound_claim_is_reported_with_the_schedulers_message(binary: object, tmp_path: Path) -> None:
    settings = {"storage": {"className": "missing", "expandable": False}, "progressDeadlineSeconds": 5}
    with ControlPlane() as plane, Platform(plane, settings=settings) as platform:
        platform.apply("unbound")
        reported(platform, "unbound", "VolumePending", "PersistentVolumeClaim database waits for its volume", "unbound")
        store = reported(platform, "unbound", "VolumePending", "for the last 5 s", "check the storage class")
        assert store["status"]["phase"] == "Failed"


def test_a_container_killed_for_its_memory_is_named_without_a_resync(binary: object) -> None:
    """The pod's own change triggers the sync: nothing else of the store changes, and no resync is due for hours."""
    hours = {"settled": 36000, "changing": 36000}
    with ControlPlane() as plane, Platform(plane, settings={"resyncSeconds": hours}) as platform:
        platform.apply("starved")
        platform.await_phase("starved", "Ready")
        (pod,) = (
            each
            for each in platform.client.list_all("v1", "Pod", "store-starved")
            if each["metadata"]["labels"]["app.kubernetes.io/component"] == "storefront"
        )
        pod |= {"apiVersion": "v1", "kind": "Pod"}
        platform.client.patch(pod, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, "status")
        reported(platform, "starved", "PodsNotReady", "Deployment storefront: 0 of 1 pods are ready")
        killed = {
            "exitCode": 137,
            "reason": "OOMKilled",
            "finishedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        (container,) = pod["status"]["containerStatuses"]
        container |= {"ready": False, "restartCount": 1, "lastState": {"terminated": killed}}
        platform.client.patch(pod, {"status": {"containerStatuses": [container]}}, "status")
        reported(platform, "starved", "CrashLoop", "Deployment storefront", "exit code 137 (OOMKilled)")
