"""The API server does not keep who wrote which field of a store's objects."""

from __future__ import annotations

from storeplatform.common.objects import STORE_LABEL
from tests.cluster.client import Client
from tests.cluster.waiting import wait_until

from .platform import Platform


def test_no_object_of_a_ready_store_has_managed_fields(platform: Platform) -> None:
    wait_until(lambda: not _tracked(platform.client), "the policy applies")
    platform.apply("untracked")
    platform.await_phase("untracked", "Ready")
    namespace = "store-untracked"
    kinds = (("v1", "Pod"), ("apps/v1", "ReplicaSet"))
    made = [*platform.children("untracked"), *(o for k in kinds for o in platform.client.list_all(*k, namespace))]
    inside = [each for each in made if each["metadata"].get("namespace") == namespace]
    assert len(inside) > 20
    assert [each["metadata"]["name"] for each in inside if "managedFields" in each["metadata"]] == []


def _tracked(client: Client) -> bool:
    """Whether an object of a store that is created now has managed fields."""
    metadata = {"name": "probe", "namespace": "default", "labels": {STORE_LABEL: "probe"}}
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    return "managedFields" in client.create(probe, dryRun="All")["metadata"]
