"""What is deleted or changed manually is restored."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.common.objects import STORE_LABEL
from tests.cluster.client import ApiError, Object
from tests.cluster.waiting import wait_until

from .compare import by_identity, comparable
from .platform import Platform

NAME = "repaired"

# An object of each kind, and a manual change of it.
EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "Hostname": (f"{NAME}.stores.localhost", {"metadata": {"labels": {"app.kubernetes.io/name": "edited"}}}),
    "Namespace": (f"store-{NAME}", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}),
    "ResourceQuota": ("plan", {"spec": {"hard": {"pods": "1000"}}}),
    "LimitRange": ("defaults", {"spec": {"limits": [{"type": "Container", "default": {"cpu": "9"}}]}}),
    "NetworkPolicy": ("database", {"spec": {"ingress": [{}]}}),
    "RoleBinding": ("intent-api", {"metadata": {"labels": {"app.kubernetes.io/name": "edited"}}}),
    "Secret": ("credentials", {"metadata": {"labels": {"app.kubernetes.io/name": "edited"}}}),
    "PodDisruptionBudget": ("backend", {"spec": {"maxUnavailable": 0}}),
    "PersistentVolumeClaim": ("uploads", {"metadata": {"labels": {"app.kubernetes.io/name": "edited"}}}),
    "Service": ("backend", {"spec": {"selector": {"app.kubernetes.io/component": "storefront"}}}),
    "StatefulSet": ("database", {"spec": {"replicas": 0}}),
    "Job": ("migrate-", {"spec": {"backoffLimit": 9}}),
    "CronJob": ("backup", {"spec": {"schedule": "* * * * *"}}),
    "Deployment": ("storefront", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1, "containers": [
        {"name": "storefront", "image": "edited", "securityContext": {"privileged": False}}]}}}}),
    "Ingress": ("store", {"spec": {"rules": [{"host": "edited.example.com"}]}}),
}  # fmt: skip


@pytest.fixture(scope="module")
def children(platform: Platform) -> dict[str, Object]:
    """A Ready store's object of each kind, before any manual change."""
    platform.apply(NAME, backup={"schedule": "0 3 1 1 *"}, storefront={"replicas": 2})
    platform.await_phase(NAME, "Ready")
    found = platform.children(NAME)
    return {
        kind: next(c for c in found if c["kind"] == kind and c["metadata"]["name"].startswith(name))
        for kind, (name, _) in EDITS.items()
    }


def test_there_is_an_edit_for_every_kind_of_child(platform: Platform, children: dict[str, Object]) -> None:
    assert {child["kind"] for child in platform.children(NAME)} == set(EDITS)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_child_is_reverted(platform: Platform, children: dict[str, Object], kind: str) -> None:
    before = children[kind]
    edited = platform.client.patch(before, EDITS[kind][1])
    assert comparable({**before, **edited}) != comparable(before)
    wait_until(lambda: comparable(live(platform, before)) == comparable(before), f"the edited {kind} is as it was")
    platform.await_phase(NAME, "Ready")


def test_a_subject_added_to_the_apis_role_binding_is_removed(platform: Platform, children: dict[str, Object]) -> None:
    eve = {"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}
    binding = children["RoleBinding"]
    for subjects in ([eve], [*binding["subjects"], eve]):
        with pytest.raises(ApiError, match="a RoleBinding to store-inside may name only the intent API"):
            platform.client.patch(binding, {"subjects": subjects})


@pytest.mark.parametrize("kind", ["Deployment", "Namespace"])
def test_a_removed_ownership_label_is_restored(platform: Platform, children: dict[str, Object], kind: str) -> None:
    before = children[kind]
    platform.client.patch(before, {"metadata": {"labels": {STORE_LABEL: None}}})
    wait_until(lambda: live(platform, before)["metadata"]["labels"].get(STORE_LABEL) == NAME, "the label is back", 60)
    platform.await_phase(NAME, "Ready")


@pytest.mark.parametrize("kind", [kind for kind in EDITS if kind not in ("Namespace", "PersistentVolumeClaim")])
def test_a_deleted_child_is_recreated_unchanged(platform: Platform, children: dict[str, Object], kind: str) -> None:
    before = live(platform, children[kind])
    platform.client.delete(before)
    wait_until(lambda: live(platform, before)["metadata"]["uid"] != before["metadata"]["uid"], f"another {kind}")
    wait_until(lambda: comparable(live(platform, before)) == comparable(before), f"the new {kind} is as the old one")
    platform.await_phase(NAME, "Ready")


def test_a_secrets_data_can_not_be_edited(platform: Platform, children: dict[str, Object]) -> None:
    with pytest.raises(ApiError, match="field is immutable"):
        platform.client.patch(children["Secret"], {"data": {"jwt-secret": "eA=="}})


def test_a_deleted_claim_is_recreated_once_its_pod_releases_it(platform: Platform, children: dict[str, Object]) -> None:
    before = live(platform, children["PersistentVolumeClaim"])
    platform.client.delete(before)

    def reported() -> bool:
        status = platform.store(NAME)["status"]
        (ready,) = [each for each in status["conditions"] if each["type"] == "Ready"]
        return (status["phase"], ready["reason"]) == ("Degraded", "BeingDeleted")

    # Earlier tests may have left the store Degraded for another reason, and pods that are terminating.
    wait_until(reported, "the deletion is reported", 60)
    platform.client.request("DELETE", platform.client.path("v1", "Pod", namespace=f"store-{NAME}"))
    wait_until(lambda: live(platform, before)["metadata"]["uid"] != before["metadata"]["uid"], "another claim")
    platform.await_phase(NAME, "Ready")
    assert comparable(live(platform, before)) == comparable(before)


def test_a_deleted_namespace_is_recreated_with_everything_in_it(platform: Platform) -> None:
    platform.apply("emptied")
    platform.await_phase("emptied", "Ready")
    before = by_identity(platform.children("emptied"))
    uid = platform.client.get("v1", "Namespace", "store-emptied")["metadata"]["uid"]
    platform.client.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "store-emptied"}})
    wait_until(
        lambda: platform.client.get("v1", "Namespace", "store-emptied")["metadata"]["uid"] != uid, "another namespace"
    )
    platform.await_phase("emptied", "Ready")
    assert by_identity(platform.children("emptied")) == before


def live(platform: Platform, obj: Object) -> Object:
    metadata = obj["metadata"]
    found = platform.client.get(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace", ""))
    return {**found, "apiVersion": obj["apiVersion"], "kind": obj["kind"]}
