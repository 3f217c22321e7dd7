"""A controller, real or stand-in, that serves Things with a hook, and helpers for tests of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .audit import Request
from .client import Client, Object
from .controlplane import ControlPlane
from .credentials import METACONTROLLER
from .loop_fixtures import GROUP_VERSION, HookServer, Reply, composite, crd, full_rights, token_secret
from .loops import STAND_IN, Loop, find_metacontroller
from .manifests import config_map, deployment
from .waiting import wait_until

FINALIZER = "metacontroller.io/compositecontroller-things"

REAL = "metacontroller"


def service(name: str, namespace: str, port: int) -> Object:
    metadata = {"name": name, "namespace": namespace}
    spec = {"selector": {"app": "x"}, "ports": [{"port": port, "protocol": "TCP", "targetPort": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def wanted(parent: Object) -> list[Object]:
    name, spec = parent["metadata"]["name"], parent["spec"]
    children = [config_map(name, "default", colour=spec["colour"], markup="<a href='?x&y'>")]
    if spec.get("deployed", True):
        children += [deployment(name, "default"), service(name, "default", spec.get("port", 80))]
    return children


def well_behaved(request: Object) -> Reply:
    observed = [key for group in request["children"].values() for key in group]
    if request["finalizing"]:
        return Reply({"status": {}, "children": [], "finalized": not observed})
    return Reply({"status": {"seen": len(observed)}, "children": wanted(request["parent"])})


@pytest.fixture(scope="module")
def hook() -> Iterator[HookServer]:
    with HookServer(well_behaved) as server:
        yield server


@pytest.fixture(scope="module")
def prepared(cluster: ControlPlane, hook: HookServer) -> ControlPlane:
    """A cluster with the kinds, the controller's rights and the CompositeController."""
    client = cluster.client
    client.apply_all(Path(__file__).with_name("metacontroller_crds.yaml").read_text())
    for obj in (crd(), full_rights(), token_secret()):
        client.apply(obj)
    kinds = ("metacontroller.k8s.io/v1alpha1", "CompositeController"), (GROUP_VERSION, "Thing")
    for api_version, kind in kinds:
        wait_until(lambda kind=(api_version, kind): client.path(*kind), f"{kind} is served")  # type: ignore[misc]
    wait_until(lambda: client.apply(composite(hook.url)), "the CompositeController is accepted")
    return cluster


def new_loop(cluster: ControlPlane, which: str) -> Loop:
    if which == REAL and not find_metacontroller():
        pytest.skip("no metacontroller on PATH and METACONTROLLER is not set: only the stand-in was tested")
    return Loop(cluster.kubeconfig("metacontroller"), cluster.log(which), which)


@pytest.fixture(scope="module", params=[REAL, STAND_IN])
def loop(prepared: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Loop]:
    loop = new_loop(prepared, request.param)
    loop.start()
    yield loop
    loop.stop()


@pytest.fixture
def name(loop: Loop, client: Client, hook: HookServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for a test's own parent, which is deleted afterwards."""
    words = request.node.name.replace("_", "-").replace("[", "-").strip("]").lower()
    name = words.removeprefix("test-")[-50:].strip("-")
    yield name
    hook.scripts.pop(name, None)
    if left := client.find(GROUP_VERSION, "Thing", name):
        client.delete(left)
    wait_until(lambda: client.find(GROUP_VERSION, "Thing", name) is None, "the parent is gone", 60)
    assert loop.failure() is None


def settled(client: Client, name: str) -> Object:
    """Return the parent, once its status counts its three children."""

    def seen() -> Object:
        parent = client.get(GROUP_VERSION, "Thing", name)
        return parent if parent.get("status", {}).get("seen") == 3 else {}

    return wait_until(seen, f"{name} has its three children", 30)


def map_of(client: Client, name: str) -> Object | None:
    return client.find("v1", "ConfigMap", name, "default")


def data_of(client: Client, name: str) -> dict[str, str]:
    found = map_of(client, name)
    return found["data"] if found else {}


def availability(client: Client, name: str) -> int:
    return client.get("apps/v1", "Deployment", name, "default")["status"].get("availableReplicas", 0)


def writes_of_the_loop(plane: ControlPlane, since: int) -> list[Request]:
    return [each for each in plane.audit.writes(since) if each.user == METACONTROLLER.username]


def wait_for_quiet(hook: HookServer, name: str) -> int:
    """Wait until ten reads in a row find no new call about a parent; return the number of calls so far."""
    looks: list[int] = []

    def quiet() -> bool:
        looks.append(len(hook.calls_for(name)))
        return looks[-10:] == [looks[-1]] * 10

    wait_until(quiet, "the hook is left alone")
    return looks[-1]
