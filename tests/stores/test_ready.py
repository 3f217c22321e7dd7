"""A Store becomes a complete shop, with the children that docs/operators/stores.md lists."""

from __future__ import annotations

import pytest

from tests.cluster.client import Client

from .compare import LAST_APPLIED
from .platform import API, Platform

CHILDREN = [
    "Deployment backend",
    "Deployment storefront",
    "Hostname {name}.stores.localhost",
    "Ingress store",
    "Job migrate",
    "LimitRange defaults",
    "Namespace store-{name}",
    "NetworkPolicy backend",
    "NetworkPolicy database",
    "NetworkPolicy default",
    "NetworkPolicy jobs",
    "NetworkPolicy storefront",
    "PersistentVolumeClaim database",
    "PersistentVolumeClaim uploads",
    "ResourceQuota plan",
    "RoleBinding intent-api",
    "RoleBinding owner-integrations",
    "Secret credentials",
    "Secret integration-mail",
    "Secret integration-payments",
    "Service backend",
    "Service database",
    "Service storefront",
    "StatefulSet database",
]
# Only for a store whose storefront has more than one replica.
BUDGETS = ["PodDisruptionBudget backend", "PodDisruptionBudget database", "PodDisruptionBudget storefront"]


@pytest.fixture(scope="module", params=["small", "medium", "large"])
def ready(platform: Platform, request: pytest.FixtureRequest) -> str:
    """A Ready Store of each plan, named like its plan."""
    platform.apply(request.param, plan=request.param)
    platform.await_phase(request.param, "Ready")
    return str(request.param)


def test_a_store_of_each_plan_has_the_documented_children(platform: Platform, ready: str) -> None:
    names = sorted(f"{c['kind']} {c['metadata']['name'].partition('-')[0]}" if c["kind"] == "Job"
                   else f"{c['kind']} {c['metadata']['name']}" for c in platform.children(ready))  # fmt: skip
    expected = [name.format(name=ready) for name in CHILDREN]
    assert names == sorted(expected if ready == "small" else expected + BUDGETS)


def test_a_woocommerce_store_becomes_ready_and_idle(platform: Platform) -> None:
    platform.apply("woo", engine="woocommerce")
    store = platform.await_phase("woo", "Ready")
    assert store["status"]["adminURL"] == "http://woo.stores.localhost/wp-admin"
    names = {f"{c['kind']} {c['metadata']['name'].partition('-')[0]}" for c in platform.children("woo")}
    assert {"CronJob cron", "Deployment backend", "Job provision", "StatefulSet database"} <= names
    assert "backups" not in store["status"]


def test_the_restricted_level_and_the_quota_admit_every_pod(platform: Platform, ready: str) -> None:
    namespace = platform.client.get("v1", "Namespace", f"store-{ready}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = platform.client.list_all("v1", "Pod", f"store-{ready}")
    replicas = {"small": 1, "medium": 2, "large": 3}[ready]
    phases = sorted(pod["status"]["phase"] for pod in pods)
    assert phases == ["Running"] * (2 + replicas) + ["Succeeded"]


def test_the_api_server_warns_of_no_child(platform: Platform, ready: str) -> None:
    with_admin: Client = platform.plane.client_for("admin")
    for child in platform.children(ready):
        made = {key: value for key, value in child.items() if key != "status"}
        made["metadata"] = {k: v for k, v in child["metadata"].items() if k in ("name", "namespace", "labels")}
        with_admin.apply(made, dryRun="All", fieldValidation="Warn")
    assert with_admin.warnings == []
    with_admin.close()


def test_the_controller_logged_no_error_and_no_warning(platform: Platform, ready: str) -> None:
    assert platform.loop.log_errors() == []
    assert [line for line in platform.loop.lines() if "Warning:" in str(line.get("msg"))] == []


def test_kubectl_shows_a_store_as_the_readme_says(platform: Platform, ready: str) -> None:
    wide = platform.plane.kubectl("get", "st", ready, "-o", "wide").splitlines()
    assert wide[0].split() == "NAME ENGINE VERSION PLAN OWNER PHASE URL AGE REASON MESSAGE".split()  # noqa: SIM905
    assert wide[1].split()[:7] == [ready, "medusa", "2.21.2", ready, "ann", "Ready", f"http://{ready}.stores.localhost"]


def test_no_annotation_contains_a_secret(platform: Platform, ready: str) -> None:
    secret = platform.client.get("v1", "Secret", "credentials", f"store-{ready}")
    assert len(secret["data"]) == 5
    annotations = [c["metadata"].get("annotations", {}) for c in platform.children(ready)]
    assert all(LAST_APPLIED in found for found in annotations)
    assert not [value for value in secret["data"].values() if value in str(annotations)]


def test_stores_are_listed_by_their_owner(platform: Platform, ready: str) -> None:
    mine = platform.client.list_all(API, "Store", fieldSelector="spec.owner=ann")
    others = platform.client.list_all(API, "Store", fieldSelector="spec.owner=bob")
    assert (ready in [s["metadata"]["name"] for s in mine], others) == (True, [])
