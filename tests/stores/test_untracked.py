"""The API server does not keep who wrote which field of a store's objects."""

from __future__ import annotations

import pytest

from storeplatform.common.objects import STORE_LABEL
from tests.cluster.client import APPLY_PATCH, Object
from tests.cluster.waiting import wait_until

from .platform import Platform

METADATA: Object = {"name": "probe", "namespace": "default", "labels": {STORE_LABEL: "probe"}}
PROBE: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": METADATA}
DRY = {"dryRun": "All"}


@pytest.fixture
def judging(platform: Platform) -> Platform:
    """The platform, once its API server applies the policy."""
    wait_until(
        lambda: "managedFields" not in platform.client.create(PROBE, **DRY)["metadata"], "objects are not tracked"
    )
    return platform


def test_no_object_of_a_ready_store_has_managed_fields(judging: Platform) -> None:
    judging.apply("untracked")
    judging.await_phase("untracked", "Ready")
    namespace = "store-untracked"
    kinds = (("v1", "Pod"), ("apps/v1", "ReplicaSet"))
    made = [*judging.children("untracked"), *(o for k in kinds for o in judging.client.list_all(*k, namespace))]
    inside = [each for each in made if each["metadata"].get("namespace") == namespace]
    assert len(inside) > 20
    assert [each["metadata"]["name"] for each in inside if "managedFields" in each["metadata"]] == []


def test_an_object_that_is_applied_server_side_keeps_its_manager(judging: Platform) -> None:
    path, query = judging.client.path_of(PROBE), {"fieldManager": "somebody", **DRY}
    applied = judging.client.request("PATCH", path, PROBE, content_type=APPLY_PATCH, query=query)
    assert [each["manager"] for each in applied["metadata"]["managedFields"]] == ["somebody"]
