"""Stages: what is desired when, and that nothing that exists is removed."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.hooks.core.objects import LAST_APPLIED, Key
from storeplatform.hooks.settings import Settings

from .world import World, conditions, ready, store

HOST = {"Hostname demo.stores.localhost"}
PLACE = HOST | {"Namespace store-demo"}
# Objects that run nothing, of any stage.
MADE = {
    "Ingress store",
    "LimitRange defaults",
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
}


def names(children: list) -> set[str]:
    return {str(Key.of(child)) for child in children}


def child(world: World, secret: str) -> Any:
    """Return a Secret as in the next response."""
    (found,) = [c for c in world.ask()["children"] if (c["kind"], c["metadata"]["name"]) == ("Secret", secret)]
    return found


def test_the_first_response_is_only_the_host(world: World) -> None:
    assert names(world.step()["children"]) == HOST


def test_nothing_is_created_in_a_namespace_until_the_host_is_the_stores(world: World) -> None:
    world.step()
    world.step()
    (host,) = [key for key in world.observed if key.kind == "Hostname"]
    del world.observed[host]
    assert names(world.ask()["children"]) == PLACE


def test_nothing_is_created_in_a_namespace_that_is_not_the_stores(world: World) -> None:
    world.step()
    world.step()
    (namespace,) = [key for key in world.observed if key.kind == "Namespace"]
    del world.observed[namespace]
    assert names(world.ask()["children"]) == PLACE


def test_each_stage_adds_workloads_once_the_previous_one_is_ready(world: World) -> None:
    seen: list[set[str]] = []
    for _ in range(7):
        made = names(world.step()["children"])
        seen.append(made - set().union(*seen))
    job = names([world.find("Job", "migrate-")])
    assert seen == [
        HOST,
        PLACE - HOST,
        MADE,
        {"StatefulSet database"},
        job,
        {"Deployment backend"},
        {"Deployment storefront"},
    ]


def test_nothing_runs_before_quota_limits_and_policies_exist(world: World) -> None:
    for _ in range(3):
        world.step()
    for guard in ("ResourceQuota", "LimitRange", "NetworkPolicy"):
        key = next(key for key in world.observed if key.kind == guard)
        seen = world.observed.pop(key)
        assert "StatefulSet" not in {child["kind"] for child in world.ask()["children"]}, guard
        world.observed[key] = seen
    assert "StatefulSet" in {child["kind"] for child in world.ask()["children"]}


def test_what_runs_nothing_is_recreated_while_an_earlier_stage_is_not_ready(world: World) -> None:
    world.settle()
    world.find("StatefulSet", "database")["status"]["availableReplicas"] = 0
    for name in ("Service storefront", "Ingress store"):
        world.observed = {key: obj for key, obj in world.observed.items() if str(key) != name}
        assert name in names(world.ask()["children"])


def test_an_existing_early_object_changes_with_its_stage(world: World) -> None:
    world.settle()
    before = world.find("Service", "storefront")["spec"]
    world.find("StatefulSet", "database")["status"]["availableReplicas"] = 0
    world.find("Service", "storefront")["spec"] = {**before, "ports": []}
    (service,) = [c for c in world.ask()["children"] if str(Key.of(c)) == "Service storefront"]
    assert service["spec"] == before


def test_a_settled_store_has_every_condition_true(world: World) -> None:
    assert conditions(world.settle()["status"]) == dict.fromkeys(
        [
            "Accepted",
            "NamespaceReady",
            "DatabaseReady",
            "Migrated",
            "BackendReady",
            "StorefrontReady",
            "Exposed",
            "Ready",
        ],
        "True",
    ) | {"Progressing": "False"}


def test_a_settled_store_gets_the_same_response(world: World) -> None:
    world.settle()
    assert world.ask() == world.ask()
    assert names(world.ask()["children"]) == names(list(world.observed.values()))


def test_an_unready_database_removes_nothing(world: World) -> None:
    world.settle()
    world.find("StatefulSet", "database")["status"]["availableReplicas"] = 0
    answer = world.ask()
    assert names(answer["children"]) == names(list(world.observed.values()))
    assert answer["status"]["phase"] == "Degraded"
    assert ready(answer["status"]) == ("PodsNotReady", "DatabaseReady: StatefulSet database: 0 of 1 pods are ready")


def test_later_stages_stay_unchanged_while_an_earlier_one_is_repaired(world: World) -> None:
    world.settle()
    before = world.find("Deployment", "storefront")["spec"]
    world.find("StatefulSet", "database")["status"]["availableReplicas"] = 0
    world.parent["spec"]["storefront"] = {"replicas": 3}
    (storefront,) = [c for c in world.ask()["children"] if str(Key.of(c)) == "Deployment storefront"]
    assert storefront["spec"] == before


def test_a_changed_object_blocks_its_stage_until_it_is_ready(world: World) -> None:
    world.settle()
    world.parent["spec"]["plan"] = "medium"
    assert ready(world.ask()["status"]) == ("Updating", "NamespaceReady: ResourceQuota plan is being changed")


def test_an_observed_secret_keeps_its_data_when_the_store_has_another_uid(world: World) -> None:
    world.settle()
    before = world.find("Secret", "credentials")["data"]
    world.parent["metadata"]["uid"] = "the uid it has after a restore"
    secret = child(world, "credentials")
    assert secret["data"] == before


def test_an_observed_secret_whose_annotation_has_no_data_is_applied_without(world: World) -> None:
    world.settle()
    secret = world.find("Secret", "credentials")
    del secret["metadata"]["annotations"][LAST_APPLIED]
    answered = child(world, "credentials")
    assert "data" not in answered


EXPANDABLE = {"className": "", "expandable": True}


def sizes(children: list) -> dict[str, str]:
    claims = [c for c in children if c["kind"] == "PersistentVolumeClaim"]
    return {c["metadata"]["name"]: c["spec"]["resources"]["requests"]["storage"] for c in claims}


@pytest.mark.parametrize(
    ("asked", "wanted", "expected"),
    [("5Gi", "10Gi", "10Gi"), ("10Gi", "5Gi", "10Gi"), ("1Ti", "999Gi", "1Ti"), ("1Gi", "1024Gi", "1Ti")],
)
def test_a_claim_only_grows(settings_with: Any, asked: str, wanted: str, expected: str) -> None:
    world = World(settings_with(storage=EXPANDABLE), store())
    world.settle()
    world.find("PersistentVolumeClaim", "database")["spec"]["resources"]["requests"]["storage"] = asked
    world.parent["spec"]["storage"] = wanted
    for _ in range(3):
        answer = world.step()
    assert sizes(answer["children"])["database"] == expected


def test_a_smaller_plan_keeps_the_volumes(settings_with: Any) -> None:
    world = World(settings_with(storage=EXPANDABLE), store(plan="large"))
    world.settle()
    world.parent["spec"]["plan"] = "small"
    assert sizes(world.settle()["children"]) == {"database": "100Gi", "uploads": "50Gi"}


def test_if_volumes_can_not_grow_a_larger_plan_is_ready_and_reports_it(world: World) -> None:
    world.settle()
    world.parent["spec"]["plan"] = "medium"
    answer = world.settle()
    assert sizes(answer["children"]) == {"database": "5Gi", "uploads": "2Gi"}
    assert ready(answer["status"])[1] == (
        "the shop is open at http://demo.stores.localhost; "
        "PersistentVolumeClaim database stays at 5Gi instead of 20Gi, since volumes of this cluster can't grow; "
        "PersistentVolumeClaim uploads stays at 2Gi instead of 10Gi, since volumes of this cluster can't grow"
    )


def test_a_protected_object_that_no_template_names_any_more_stays(world: World) -> None:
    world.settle()
    old = world.find("Secret", "credentials")
    stray = {**old, "metadata": {**old["metadata"], "name": "credentials-of-old"}}
    world.observed[Key.of(stray)] = stray
    assert "Secret credentials-of-old" in names(world.ask()["children"])


def test_a_job_with_another_spec_replaces_the_old_one(world: World) -> None:
    world.settle()
    old = world.find("Job", "migrate-")["metadata"]["name"]
    world.parent["spec"]["adminEmail"] = "new@example.com"
    world.settle()
    assert world.find("Job", "migrate-")["metadata"]["name"] != old


def test_a_change_of_plan_runs_no_migration(world: World) -> None:
    world.settle()
    job = world.find("Job", "migrate-")["metadata"]["name"]
    world.parent["spec"]["plan"] = "large"
    world.settle()
    assert world.find("Job", "migrate-")["metadata"]["name"] == job


def test_a_restart_changes_only_pods_that_serve_shoppers(settings: Settings) -> None:
    world = World(settings, store())
    world.settle()
    before = {(obj["kind"], obj["metadata"]["name"]): obj["spec"] for obj in world.observed.values() if "spec" in obj}
    world.parent["spec"]["restartedAt"] = "2026-01-02T00:00:00Z"
    world.settle()
    after = {(obj["kind"], obj["metadata"]["name"]): obj["spec"] for obj in world.observed.values() if "spec" in obj}
    assert {key for key in after if after[key] != before[key]} == {
        ("Deployment", "backend"),
        ("Deployment", "storefront"),
    }
    annotations = after["Deployment", "backend"]["template"]["metadata"]["annotations"]
    assert annotations == {"platform.urumi.dev/restarted-at": "2026-01-02T00:00:00Z"}


def test_a_smaller_quota_is_applied_once_no_pod_of_the_larger_plan_is_left(settings: Settings) -> None:
    world = World(settings, store(plan="large"))
    world.settle()
    world.parent["spec"]["plan"] = "small"
    quotas, sizes = [], []
    for _ in range(9):
        answer = world.step()
        quotas.append({c["kind"]: c for c in answer["children"]}["ResourceQuota"]["spec"]["hard"]["requests.cpu"])
        sizes.append(answer["status"]["phase"])
    assert (quotas[0], quotas[-1]) == ("8", "1500m")
    assert quotas.index("1500m") == sizes.index("Ready")


def test_a_larger_quota_is_applied_before_its_pods(settings: Settings) -> None:
    world = World(settings, store(plan="small"))
    world.settle()
    world.parent["spec"]["plan"] = "large"
    (quota,) = [c for c in world.ask()["children"] if c["kind"] == "ResourceQuota"]
    assert quota["spec"]["hard"]["requests.cpu"] == "8"


def test_a_statefulset_whose_rollout_is_stuck_is_restarted(world: World) -> None:
    world.settle()
    database = world.find("StatefulSet", "database")
    labels = {"app.kubernetes.io/component": "database"}
    pod = {"metadata": {"name": "database-0", "labels": labels}, "status": {"phase": "Pending"}}

    def replicas(pods: list[Any], **status: int) -> int:
        world.pods = pods
        database["status"] = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 0, **status}
        (answered,) = [c for c in world.ask()["children"] if c["kind"] == "StatefulSet"]
        wanted: int = answered["spec"]["replicas"]
        return wanted

    assert replicas([pod]) == 0
    assert replicas([pod], availableReplicas=1) == 1
    assert replicas([pod], updatedReplicas=1) == 1
    assert replicas([pod], observedGeneration=0) == 1
    ending = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert replicas([ending]) == 1
    database["spec"]["replicas"] = 0
    assert replicas([], replicas=0) == 1
