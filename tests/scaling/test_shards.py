"""Several controllers, each with its share of the stores."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from contextlib import ExitStack

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.loops import STAND_IN, Loop, find_metacontroller
from tests.cluster.waiting import wait_until
from tests.stores.compare import by_identity
from tests.stores.gate import API_USER, Gate
from tests.stores.platform import API, Platform

SHARD = "platform.urumi.dev/shard"


def finalizer(shard: str) -> str:
    """The finalizer that the shard's controller adds to its stores."""
    return f"metacontroller.io/compositecontroller-stores-{shard}"


def share(platform: Platform, shards: Iterable[str]) -> None:
    """A controller for each shard, with its label, replacing the one for all stores."""
    (controller,) = platform.client.list_all("metacontroller.k8s.io/v1alpha1", "CompositeController")
    controller = {"apiVersion": "metacontroller.k8s.io/v1alpha1", "kind": "CompositeController", **controller}
    for name in shards:
        shard = copy.deepcopy({key: controller[key] for key in ("apiVersion", "kind", "spec")})
        shard["metadata"] = {"name": f"stores-{name}", "labels": {SHARD: name}}
        shard["spec"]["parentResource"]["labelSelector"] = {"matchLabels": {SHARD: name}}
        platform.client.create(shard)
    platform.client.delete(controller)


@pytest.mark.parametrize("loop", [STAND_IN, "metacontroller"])
def test_a_store_that_moves_between_shards_keeps_every_child(own_plane: ControlPlane, loop: str) -> None:
    if loop != STAND_IN and not find_metacontroller():
        pytest.skip("no metacontroller on PATH")
    with Platform(own_plane, loop=loop) as platform:
        platform.loop.stop()
        share(platform, ("a", "b"))
        platform.loop.start()
        store = {
            "apiVersion": API,
            "kind": "Store",
            "metadata": {"name": "moving", "labels": {SHARD: "a"}},
            "spec": {"engine": "medusa", "owner": "ann"},
        }
        platform.client.create(store)
        platform.await_phase("moving", "Ready")
        assert platform.store("moving")["metadata"]["finalizers"] == [finalizer("a")]
        before = {c["metadata"]["uid"]: c["kind"] for c in platform.children("moving")}
        objects = by_identity(platform.children("moving"))
        platform.client.patch(store, {"metadata": {"labels": {SHARD: "b"}}})
        wait_until(
            lambda: platform.store("moving")["metadata"]["finalizers"] == [finalizer("b")], "the other shard has it"
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


@pytest.mark.skipif(not find_metacontroller(), reason="no metacontroller on PATH; the stand-in takes every controller")
def test_new_stores_are_shared_and_each_is_served_by_one_controller(binary: object) -> None:
    names = [f"shop-{number}" for number in range(6)]
    with (
        ControlPlane(users=API_USER) as plane,
        Platform(plane, loop=STAND_IN) as platform,
        Gate(plane, settings={"shards": 2, "quota": {"owner": 100, "global": 100}}),
        ExitStack() as stack,
    ):
        platform.loop.stop()  # these replace it
        share(platform, ("0", "1"))
        loops = [one_shard(platform, shard) for shard in ("0", "1")]
        for loop in loops:
            loop.start()
            stack.callback(loop.stop)
        for name in names:
            platform.apply(name)
        for name in names:
            platform.await_phase(name, "Ready")
        shards = {name: platform.store(name)["metadata"]["labels"][SHARD] for name in names}
        assert set(shards.values()) == {"0", "1"}
        served = {name: platform.store(name)["metadata"]["finalizers"] for name in names}
        assert served == {name: [finalizer(shard)] for name, shard in shards.items()}
        loops[1].kill()
        ours, theirs = (next(name for name in names if shards[name] == shard) for shard in ("0", "1"))
        for name in (theirs, ours):
            platform.apply(name, plan="medium")
        platform.await_phase(ours, "Ready")
        wait_until(lambda: replicas_of(platform, ours) == 2, "its shard acts on it")
        assert replicas_of(platform, theirs) == 1
        loops[1].start()
        wait_until(lambda: replicas_of(platform, theirs) == 2, "the other shard acts again")
        assert [loop.log_errors() for loop in loops] == [[], []]


def one_shard(platform: Platform, shard: str) -> Loop:
    """A Metacontroller that serves only one CompositeController."""
    kubeconfig, log = platform.plane.kubeconfig("metacontroller"), platform.home / f"loop-{shard}.log"
    return Loop(kubeconfig, log, "metacontroller", (f"--target-label-selector={SHARD}={shard}",))


def replicas_of(platform: Platform, store: str) -> int:
    """Return the desired number of its storefront's replicas."""
    return int(platform.client.get("apps/v1", "Deployment", "storefront", f"store-{store}")["spec"]["replicas"])
