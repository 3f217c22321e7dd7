"""What an owner meets: refusals that an edit resolves, a lost node, a deletion that leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Object
from tests.cluster.components import NodeTimes
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .engines import with_tiny
from .platform import API, Platform


def condition(store: Object, kind: str) -> dict[str, Any]:
    return next((c for c in store["status"]["conditions"] if c["type"] == kind), {})


@pytest.mark.parametrize(
    ("field", "wrong", "right", "reason", "choices"),
    [
        ("engine", "magento", "medusa", "UnknownEngine", "medusa, woocommerce"),
        ("plan", "huge", "small", "UnknownPlan", "small, medium, large"),
        ("version", "1.0.0", "2.21.2", "UnknownVersion", "2.21.2, 2.20.1"),
    ],
)
def test_an_unavailable_choice_is_refused_and_an_edit_resolves_it(
    platform: Platform, field: str, wrong: str, right: str, reason: str, choices: str
) -> None:
    name = f"unknown-{field}"
    platform.apply(name, **{field: wrong})
    refused = platform.await_phase(name, "Failed")
    accepted = condition(refused, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", reason)
    assert accepted["message"] == f"spec.{field} must be one of {choices}: edit the Store to choose one"
    assert platform.children(name) == []
    platform.apply(name, **{field: right})
    platform.await_phase(name, "Ready")


def test_a_plan_changes_in_place_and_runs_no_migration(platform: Platform) -> None:
    platform.apply("planned", plan="small")
    platform.await_phase("planned", "Ready")
    job = migration(platform, "planned")
    for plan, replicas in (("medium", 2), ("small", 1)):
        platform.apply("planned", plan=plan)
        wait_until(
            lambda wanted=replicas: storefront(platform, "planned")["spec"]["replicas"] == wanted,
            "another replica count",
        )
        platform.await_phase("planned", "Ready")
    assert migration(platform, "planned") == job


def test_growing_volumes_follow_a_larger_plan_and_never_shrink(own_plane: ControlPlane) -> None:
    own_plane.client.patch(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "kwok-volume"}},
        {"allowVolumeExpansion": True},
    )
    with Platform(own_plane, settings={"storage": {"className": "kwok-volume", "expandable": True}}) as platform:
        for plan in ("small", "medium", "small"):
            platform.apply("growing", plan=plan)
            replicas = {"small": 1, "medium": 2}[plan]
            wait_until(
                lambda wanted=replicas: storefront(platform, "growing")["spec"]["replicas"] == wanted, "its storefront"
            )
            platform.await_phase("growing", "Ready")
        claim = platform.client.get("v1", "PersistentVolumeClaim", "database", "store-growing")
        assert claim["spec"]["resources"]["requests"]["storage"] == "20Gi"


def storefront(platform: Platform, name: str) -> Object:
    return platform.client.get("apps/v1", "Deployment", "storefront", f"store-{name}")


def migration(platform: Platform, name: str) -> str:
    return str(next(c for c in platform.children(name) if c["kind"] == "Job")["metadata"]["name"])


def test_a_deleted_store_leaves_nothing(platform: Platform) -> None:
    platform.apply("deleted")
    platform.await_phase("deleted", "Ready")
    uid = platform.store("deleted")["metadata"]["uid"]
    platform.client.delete(platform.store("deleted"))
    wait_until(lambda: platform.client.find(API, "Store", "deleted") is None, "the Store is gone", 90)
    assert platform.client.find("v1", "Namespace", "store-deleted") is None
    wait_until(lambda: volumes_of(platform, "store-deleted") == [], "no volume is left")
    assert platform.client.list_all("v1", "PersistentVolumeClaim", "store-deleted") == []
    assert [c for c in platform.children("deleted") if c["metadata"]["ownerReferences"][0]["uid"] == uid] == []


def volumes_of(platform: Platform, namespace: str) -> list[Object]:
    volumes = platform.client.list_all("v1", "PersistentVolume")
    return [v for v in volumes if v["spec"].get("claimRef", {}).get("namespace") == namespace]


def test_a_deletion_that_can_not_finish_reports_what_holds_it(platform: Platform) -> None:
    platform.apply("held")
    platform.await_phase("held", "Ready")
    held = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend", "namespace": "store-held"}}
    platform.client.patch(held, {"metadata": {"finalizers": ["example.com/hold"]}})
    platform.client.delete(platform.store("held"))
    wanted = "Service backend (held by the finalizer example.com/hold)"

    def named() -> bool:
        ending = condition(platform.store("held"), "Terminating")
        return wanted in ending.get("message", "") and ending["message"].startswith("2 objects remain")

    wait_until(named, "the condition names the Service and its finalizer", 60)
    assert platform.store("held")["status"]["phase"] == "Terminating"
    platform.client.patch(held, {"metadata": {"finalizers": None}})
    wait_until(lambda: platform.client.find(API, "Store", "held") is None, "the Store is gone", 90)


def test_the_guides_engine_works_from_a_folder_outside_the_package(own_plane: ControlPlane, tmp_path: Path) -> None:
    with Platform(own_plane, engines=with_tiny(tmp_path)) as platform:
        platform.apply("tiny", engine="tiny")
        ready = platform.await_phase("tiny", "Ready")
        assert [c["type"] for c in ready["status"]["conditions"]] == [
            "Accepted",
            "NamespaceReady",
            "ShopReady",
            "Exposed",
            "Progressing",
            "Ready",
        ]
        kinds = {c["kind"] for c in platform.children("tiny")}
        assert {"Deployment", "Ingress", "Service"} <= kinds
        assert not kinds & {"StatefulSet", "PersistentVolumeClaim", "Job", "CronJob"}
        platform.client.delete(platform.store("tiny"))
        wait_until(lambda: platform.client.find(API, "Store", "tiny") is None, "the Store is gone", 90)


@pytest.fixture
def losable() -> Iterator[Platform]:
    """A platform whose node counts as lost after a few seconds."""
    with (
        ControlPlane(times=NodeTimes(grace_seconds=8)) as plane,
        Platform(plane, settings={"resyncSeconds": {"settled": 2, "changing": 2}}) as platform,
    ):
        yield platform


def test_a_lost_node_degrades_a_store_and_removes_nothing(losable: Platform) -> None:
    losable.apply("lost")
    losable.await_phase("lost", "Ready")
    before = {c["metadata"]["uid"] for c in losable.children("lost")}
    losable.plane.nodes.lose()
    losable.await_phase("lost", "Degraded", 300)
    message = "DatabaseReady: StatefulSet database: 0 of 1 pods are ready"
    wait_until(lambda: condition(losable.store("lost"), "Ready")["message"] == message, message, 300)
    degraded = losable.store("lost")
    assert condition(degraded, "DatabaseReady")["status"] == "False"
    assert {c["metadata"]["uid"] for c in losable.children("lost")} == before
    losable.plane.nodes.restore()
    losable.await_phase("lost", "Ready", 300)
    assert {c["metadata"]["uid"] for c in losable.children("lost")} == before
