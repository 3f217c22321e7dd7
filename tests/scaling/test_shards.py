"""Several controllers, each with its share of the stores: a store that moves keeps every child."""

from __future__ import annotations

import copy

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.loops import STAND_IN, find_metacontroller
from tests.cluster.waiting import wait_until
from tests.stores.compare import by_identity
from tests.stores.platform import API, Platform

SHARD = "platform.urumi.dev/shard"
FINALIZERS = {name: f"metacontroller.io/compositecontroller-stores-{name}" for name in ("a", "b")}


@pytest.mark.parametrize("loop", [STAND_IN, "metacontroller"])
def test_a_store_that_moves_between_shards_keeps_every_child(own_plane: ControlPlane, loop: str) -> None:
    if loop != STAND_IN and not find_metacontroller():
        pytest.skip("no metacontroller on PATH")
    with Platform(own_plane, loop=loop) as platform:
        platform.loop.stop()
        (controller,) = platform.client.list_all("metacontroller.k8s.io/v1alpha1", "CompositeController")
        controller = {"apiVersion": "metacontroller.k8s.io/v1alpha1", "kind": "CompositeController", **controller}
        for name in FINALIZERS:
            shard = copy.deepcopy({key: controller[key] for key in ("apiVersion", "kind", "spec")})
            shard["metadata"] = {"name": f"stores-{name}"}
            shard["spec"]["parentResource"]["labelSelector"] = {"matchLabels": {SHARD: name}}
            platform.client.create(shard)
        platform.client.delete(controller)
        platform.loop.start()
        store = {
            "apiVersion": API,
            "kind": "Store",
            "metadata": {"name": "moving", "labels": {SHARD: "a"}},
            "spec": {"engine": "medusa", "owner": "ann"},
        }
        platform.client.create(store)
        platform.await_phase("moving", "Ready")
        assert platform.store("moving")["metadata"]["finalizers"] == [FINALIZERS["a"]]
        before = {c["metadata"]["uid"]: c["kind"] for c in platform.children("moving")}
        objects = by_identity(platform.children("moving"))
        platform.client.patch(store, {"metadata": {"labels": {SHARD: "b"}}})
        wait_until(
            lambda: platform.store("moving")["metadata"]["finalizers"] == [FINALIZERS["b"]], "the other shard has it"
        )
        platform.await_phase("moving", "Ready")
        platform.client.patch(store, {"spec": {"plan": "medium"}})
        wait_until(
            lambda: platform.client.get("apps/v1", "Deployment", "storefront", "store-moving")["spec"]["replicas"] == 2,
            "the other shard acts on it",
        )
        platform.client.patch(store, {"spec": {"plan": "small"}})
        platform.await_phase("moving", "Ready")
        assert {c["metadata"]["uid"]: c["kind"] for c in platform.children("moving")} == before
        wait_until(lambda: by_identity(platform.children("moving")) == objects, "every object is as it was")
