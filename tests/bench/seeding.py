"""Create what the platform makes of many suspended stores directly, without the controller."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from storeplatform.hooks.core.objects import LAST_APPLIED
from storeplatform.hooks.core.workloads import WORKLOADS
from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES
from tests.cluster.client import Client, Object
from tests.cluster.waiting import wait_until
from tests.hooks.world import World
from tests.stores.platform import API, Platform

FINALIZER = "metacontroller.io/compositecontroller-stores"
EXAMPLE = "example"
SEEDED = "shop-"
# Labels and annotations that the API server and the kinds' controllers add.
GIVEN = ("kubernetes.io/metadata.name", "pv.kubernetes.io/", "volume.", "deployment.", "batch.")
PROCESSES, CHUNK = 4, 100


def check(platform: Platform) -> None:
    """Let the controller create one store and suspend it, and compare it with what would be seeded.

    :raise AssertionError: they differ.
    """
    platform.apply(EXAMPLE, owner="owner-0")
    platform.await_phase(EXAMPLE, "Ready")
    platform.apply(EXAMPLE, owner="owner-0", suspended=True)
    wait_until(lambda: "keeps its data" in str(platform.store(EXAMPLE)["status"]), "the example sleeps")
    made = {_identity(each): _metadata(each) for each in platform.children(EXAMPLE)}
    posted = {_identity(each): _metadata(each) for each in children(platform.store(EXAMPLE), _load(platform.home))}
    assert posted == made


def seed(platform: Platform, stores: int) -> None:
    """Create them with several processes, on a platform whose controller is stopped.

    The controllers and KWOK are stopped too and stay so: no pods, volumes or statuses of workloads are created.
    """
    for name in ("kwok", "kube-scheduler", "kube-controller-manager"):
        platform.plane.stop_component(name)
    post = partial(_post_all, platform.plane.kubeconfig("admin"), platform.home)
    with ProcessPoolExecutor(PROCESSES) as processes:
        list(processes.map(post, (range(stores)[start : start + CHUNK] for start in range(0, stores, CHUNK))))


def _identity(child: Object) -> tuple[str, str]:
    return child["kind"], child["metadata"]["name"]


def _metadata(child: Object) -> Object:
    """Return the metadata that Metacontroller uses, without what others set."""
    metadata = child["metadata"]
    own = {
        part: {name: value for name, value in metadata[part].items() if not name.startswith(GIVEN)}
        for part in ("labels", "annotations")
    }
    return {**own, "ownerReferences": metadata["ownerReferences"]}


def _load(home: Path) -> Settings:
    return load_settings(home / "settings.yaml", ENGINES, home / "root.key")


def children(store: Object, settings: Settings) -> list[Object]:
    """Return each child of a suspended store that was open before, as the controller leaves it; the Store gets its
    status.
    """
    parent = copy.deepcopy({"apiVersion": API, "kind": "Store", **store, "status": {}})
    parent["spec"]["suspended"] = False
    world = World(settings, parent)
    _step_until(world, "Ready")
    parent["spec"]["suspended"] = True
    answer = _step_until(world, "Suspended")
    store["status"] = answer["status"]
    return [_as_applied(child, store) for child in answer["children"]]


def _step_until(world: World, phase: str) -> Object:
    """Return the first response in that phase that changes nothing."""
    for _ in range(20):
        before = world.parent["status"]
        answer = world.step()
        if answer["status"]["phase"] == phase and answer["status"] == before:
            return answer
    raise AssertionError(f"not {phase} after 20 steps: {world.parent['status']}")


def _as_applied(child: Object, store: Object) -> Object:
    child = copy.deepcopy(child)
    uid = store["metadata"]["uid"]
    child["metadata"]["labels"]["controller-uid"] = uid
    # A Secret's data is only in the response at its creation, so the last-applied annotation does not contain it.
    said = {name: value for name, value in child.items() if (child["kind"], name) != ("Secret", "data")}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":  # as Go writes JSON
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    metadata = child["metadata"]
    annotations = {**metadata.get("annotations", {}), LAST_APPLIED: text}
    owner = {"apiVersion": API, "kind": "Store", "name": store["metadata"]["name"], "uid": uid}
    owners = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    return {**child, "metadata": {**metadata, "annotations": annotations, "ownerReferences": owners}}


def _post_all(kubeconfig: Path, home: Path, numbers: range) -> None:
    settings, client = _load(home), Client.from_kubeconfig(kubeconfig)
    for number in numbers:
        _post(client, settings, number)
    client.close()


def _post(client: Client, settings: Settings, number: int) -> None:
    spec = {"engine": "medusa", "owner": f"owner-{number}", "suspended": True}
    metadata = {"name": f"{SEEDED}{number}", "finalizers": [FINALIZER]}
    store = client.create({"apiVersion": API, "kind": "Store", "metadata": metadata, "spec": spec})
    for child in sorted(children(store, settings), key=lambda each: each["kind"] != "Namespace"):
        client.create(child)
        if child["kind"] in WORKLOADS:
            client.patch(child, {"status": {"observedGeneration": 1}}, "status")
    store["status"]["observedGeneration"] = 1
    client.replace(store, "status")
