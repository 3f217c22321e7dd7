"""Metacontroller and its stand-in keep the same contract."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .audit import Request
from .client import Client, Object
from .controlplane import ControlPlane
from .credentials import METACONTROLLER
from .loop_fixtures import (
    GROUP_VERSION,
    TOKEN,
    HookServer,
    Reply,
    composite,
    crd,
    full_rights,
    thing,
    token_secret,
)
from .loop_merge import LAST_APPLIED
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
    """A cluster with the kinds, the loop's rights and the CompositeController."""
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
    """A name for a parent of this test's own, which is deleted afterwards."""
    words = request.node.name.replace("_", "-").replace("[", "-").strip("]").lower()
    name = words.removeprefix("test-")[-50:].strip("-")
    yield name
    hook.scripts.pop(name, None)
    if left := client.find(GROUP_VERSION, "Thing", name):
        client.delete(left)
    wait_until(lambda: client.find(GROUP_VERSION, "Thing", name) is None, "the parent is gone", 60)
    assert loop.failure() is None


def settled(client: Client, name: str) -> Object:
    """The parent, once its status counts its three children."""

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


def test_children_are_owned_and_labelled_with_the_parents_uid(client: Client, name: str) -> None:
    uid = client.create(thing(name, colour="red"))["metadata"]["uid"]
    settled(client, name)
    metadata = client.get("apps/v1", "Deployment", name, "default")["metadata"]
    assert metadata["labels"] == {"controller-uid": uid}
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": GROUP_VERSION,
            "kind": "Thing",
            "name": name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def test_the_hook_is_told_every_child_kind_even_without_children(client: Client, hook: HookServer, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    first, last = hook.calls_for(name)[0], hook.calls_for(name)[-1]
    assert first.body["children"] == {"ConfigMap.v1": {}, "Service.v1": {}, "Deployment.apps/v1": {}}
    assert set(first.body) == {"controller", "parent", "children", "related", "finalizing"}
    assert first.body["finalizing"] is False
    assert first.body["related"] == {}
    assert FINALIZER in first.body["parent"]["metadata"]["finalizers"]
    assert list(last.body["children"]["Deployment.apps/v1"]) == [f"default/{name}"]
    assert (first.path, first.authorization) == ("/sync", f"Bearer {TOKEN}")


def test_the_status_gets_the_observed_generation(client: Client, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    status = wait_until(
        lambda: (status := client.get(GROUP_VERSION, "Thing", name)["status"])["observedGeneration"] == 2 and status,
        "generation 2 is observed",
    )
    assert status == {"seen": 3, "observedGeneration": 2}


def test_a_hand_edit_of_an_inplace_child_is_reverted_and_a_foreign_field_kept(client: Client, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    client.patch(config_map(name, "default"), {"data": {"colour": "green", "mine": "kept"}})
    wait_until(lambda: data_of(client, name).get("colour") == "red", "the edit is reverted")
    assert data_of(client, name)["mine"] == "kept"


def test_a_changed_parent_changes_inplace_children_only(client: Client, name: str) -> None:
    client.create(thing(name, colour="red", port=80))
    settled(client, name)
    client.patch(thing(name), {"spec": {"colour": "blue", "port": 81}})
    wait_until(lambda: data_of(client, name).get("colour") == "blue", "the ConfigMap has the new colour")
    assert client.get("v1", "Service", name, "default")["spec"]["ports"][0]["port"] == 80


def test_a_deleted_child_is_made_again(client: Client, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    first = client.get("v1", "ConfigMap", name, "default")
    client.delete(first)
    wait_until(
        lambda: (again := map_of(client, name)) and again["metadata"]["uid"] != first["metadata"]["uid"],
        "there is a new one",
    )


def test_a_child_that_is_no_longer_desired_is_deleted(client: Client, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    client.patch(thing(name), {"spec": {"deployed": False}})
    wait_until(lambda: client.find("apps/v1", "Deployment", name, "default") is None, "the Deployment is gone")
    assert map_of(client, name)


def test_a_child_whose_deletion_takes_long_is_deleted_once(
    prepared: ControlPlane, client: Client, hook: HookServer, name: str
) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    held = deployment(name, "default")
    client.patch(held, {"metadata": {"finalizers": ["example.com/hold"]}})
    mark = prepared.audit.mark()

    def saw(turn: str) -> bool:
        return hook.calls_for(name)[-1].body["parent"]["spec"].get("turn") == turn

    for turn in ("1", "2"):
        client.patch(thing(name), {"spec": {"deployed": False, "turn": turn}})
        wait_until(partial(saw, turn), "the hook saw the change")
        wait_for_quiet(hook, name)
    assert "deletionTimestamp" in client.get("apps/v1", "Deployment", name, "default")["metadata"]
    deletes = [each for each in writes_of_the_loop(prepared, mark) if each.verb == "delete"]
    assert sorted(each.resource for each in deletes) == ["deployments", "services"]
    client.patch(held, {"metadata": {"finalizers": None}})


def test_a_child_without_the_label_is_released(client: Client, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    client.patch(config_map(name, "default"), {"metadata": {"labels": {"controller-uid": None}}})

    def released() -> bool:
        found = map_of(client, name)
        return found is not None and not found["metadata"].get("ownerReferences")

    wait_until(released, "it has no owner")
    client.delete(config_map(name, "default"))


def test_an_orphan_with_the_label_is_adopted(client: Client, hook: HookServer, name: str) -> None:
    hook.scripts[name] = lambda request: Reply(
        {"status": {}, "children": [], "finalized": request["finalizing"]}
        if request["finalizing"] or not request["parent"]["spec"].get("keep")
        else {"status": {}, "children": [config_map(name, "default", colour="red")]}
    )
    uid = client.create(thing(name))["metadata"]["uid"]
    wait_until(lambda: hook.calls_for(name), "the hook was called")
    client.patch(thing(name), {"spec": {"keep": True}})
    wait_until(lambda: map_of(client, name), "the child is there")
    client.patch(config_map(name, "default"), {"metadata": {"ownerReferences": None}})
    wait_until(
        lambda: (
            (found := map_of(client, name))
            and [each["uid"] for each in found["metadata"].get("ownerReferences", [])] == [uid]
        ),
        "it has its owner again",
    )


def test_nothing_is_written_once_everything_is_as_desired(
    prepared: ControlPlane, client: Client, hook: HookServer, name: str
) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    wait_until(lambda: availability(client, name) == 1, "the Deployment is available")
    wait_for_quiet(hook, name)
    mark, calls = prepared.audit.mark(), len(hook.calls_for(name))

    def last_turn() -> str:
        return hook.calls_for(name)[-1].body["parent"]["metadata"].get("annotations", {}).get("turn", "")

    for turn in ("1", "2", "3"):
        client.patch(thing(name), {"metadata": {"annotations": {"turn": turn}}})
        wait_until(lambda turn=turn: last_turn() == turn, "the hook saw the change")  # type: ignore[misc]
    wait_for_quiet(hook, name)
    assert len(hook.calls_for(name)) > calls
    assert writes_of_the_loop(prepared, mark) == []


def test_deletion_calls_finalize_until_it_says_finalized(client: Client, hook: HookServer, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    client.delete(thing(name))
    wait_until(lambda: client.find(GROUP_VERSION, "Thing", name) is None, "the parent is gone")
    assert map_of(client, name) is None
    finalizing = [call for call in hook.calls_for(name) if call.path == "/finalize"]
    assert all(call.body["finalizing"] for call in finalizing)
    assert "deletionTimestamp" in finalizing[0].body["parent"]["metadata"]
    assert finalizing[0].body["children"]["ConfigMap.v1"]
    assert not any(finalizing[-1].body["children"].values())


def test_a_parent_that_leaves_the_selector_is_finalized_alive_and_keeps_its_children(
    client: Client, hook: HookServer, name: str
) -> None:
    def keeps_what_lives(request: Object) -> Reply:
        if "deletionTimestamp" in request["parent"]["metadata"]:
            return well_behaved(request)
        answer = {"status": {"seen": 3}, "children": wanted(request["parent"])}
        return Reply({**answer, "finalized": request["finalizing"]})

    hook.scripts[name] = keeps_what_lives
    client.create(thing(name, colour="red"))
    wait_until(lambda: map_of(client, name), "the child is there")
    before = client.get("v1", "ConfigMap", name, "default")["metadata"]
    client.patch(thing(name), {"metadata": {"labels": {"shard": "b"}}})
    wait_until(
        lambda: not client.get(GROUP_VERSION, "Thing", name)["metadata"].get("finalizers"),
        "the finalizer is gone",
    )
    assert hook.calls_for(name)[-1].path == "/finalize"
    after = client.get("v1", "ConfigMap", name, "default")["metadata"]
    assert (after["uid"], after["ownerReferences"]) == (before["uid"], before["ownerReferences"])
    assert client.get(GROUP_VERSION, "Thing", name)["status"]["seen"] == 3


MALFORMED: dict[str, Any] = {
    "unknown_key": Reply({"status": {}, "children": [], "extra": 1}),
    "no_json": Reply("<html>"),
    "wrong_type": Reply({"status": {}, "children": {}}),
    "code_500": Reply({"status": {}, "children": []}, 500),
    "code_204": Reply("", 204),
}


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_against_the_contract_changes_nothing(
    loop: Loop, client: Client, hook: HookServer, name: str, reply: Reply
) -> None:
    client.create(thing(name, colour="red"))
    before = settled(client, name)
    hook.scripts[name] = lambda _: reply
    known, calls = len(loop.log_errors()), len(hook.calls_for(name))
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    wait_until(lambda: len(hook.calls_for(name)) > calls + 1, "the hook was called again and again")
    wait_until(lambda: len(loop.log_errors()) > known, "an error is logged")
    assert data_of(client, name)["colour"] == "red"
    assert client.get(GROUP_VERSION, "Thing", name)["status"] == before["status"]
    del hook.scripts[name]
    wait_until(lambda: data_of(client, name)["colour"] == "blue", "a good answer is followed again")


def test_one_refused_child_does_not_hold_up_the_others(client: Client, hook: HookServer, name: str) -> None:
    refused = config_map("Not_A_Name", "default")

    def one_bad(request: Object) -> Reply:
        if request["finalizing"]:
            return well_behaved(request)
        return Reply({"status": {"seen": 0}, "children": [refused, config_map(name, "default", colour="red")]})

    hook.scripts[name] = one_bad
    client.create(thing(name))
    wait_until(lambda: map_of(client, name), "the other child is there")
    wait_until(lambda: "status" in client.get(GROUP_VERSION, "Thing", name), "the status is written all the same")


def test_a_429_is_followed_by_a_call_after_its_retry_after(client: Client, hook: HookServer, name: str) -> None:
    times: list[float] = []

    def busy_once(request: Object) -> Reply:
        times.append(time.monotonic())
        return Reply("", 429, {"Retry-After": "2"}) if len(times) == 1 else well_behaved(request)

    client.create(thing(name, colour="red"))
    settled(client, name)
    wait_for_quiet(hook, name)
    hook.scripts[name] = busy_once
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    wait_until(lambda: data_of(client, name)["colour"] == "blue", "the change is followed after all")
    assert 1.9 <= times[1] - times[0] < 5


def test_the_hook_is_called_again_after_the_seconds_it_named(client: Client, hook: HookServer, name: str) -> None:
    def again(request: Object) -> Reply:
        if request["finalizing"]:
            return well_behaved(request)
        return Reply({"status": {}, "children": [], "resyncAfterSeconds": 0.3})

    hook.scripts[name] = again
    client.create(thing(name))
    wait_until(lambda: len(hook.calls_for(name)) >= 8, "the hook was called many times")


def test_it_survives_a_restart_of_the_api_server(prepared: ControlPlane, client: Client, loop: Loop, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    prepared.kill("kube-apiserver")
    prepared.start_component("kube-apiserver")
    wait_until(
        lambda: client.patch(config_map(name, "default"), {"data": {"colour": "green"}}),
        "the edit is accepted",
    )
    wait_until(lambda: data_of(client, name)["colour"] == "red", "the edit is reverted", 60)
    assert loop.failure() is None


def test_a_killed_loop_goes_on_where_it_was(client: Client, loop: Loop, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    loop.kill()
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    loop.start()
    wait_until(lambda: data_of(client, name)["colour"] == "blue", "the change made meanwhile is followed", 60)


def test_the_stand_in_refuses_a_null_child_and_lives(prepared: ControlPlane, hook: HookServer) -> None:
    client = prepared.client
    loop = new_loop(prepared, STAND_IN)
    loop.start()
    hook.scripts["null-child"] = lambda _: Reply({"status": {}, "children": [None]})
    client.create(thing("null-child", colour="red"))
    wait_until(lambda: [each for each in loop.log_errors() if "child 0" in each], "the refusal is logged")
    assert loop.pid
    del hook.scripts["null-child"]
    settled(client, "null-child")
    client.delete(thing("null-child"))
    wait_until(lambda: client.find(GROUP_VERSION, "Thing", "null-child") is None, "the parent is gone", 60)
    loop.stop()


def comparable(obj: Object) -> Object:
    """Without what differs between any two runs; `uid` of the owner too."""
    obj = copy.deepcopy(obj)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        obj["metadata"].pop(field, None)
    for field in ("clusterIP", "clusterIPs"):
        obj.get("spec", {}).pop(field, None)
    obj.pop("status", None)
    owner = obj["metadata"]["ownerReferences"][0]["uid"]
    return json.loads(json.dumps(obj).replace(owner, "the-owner"))


def children_of_same(client: Client) -> list[Object]:
    kinds = [("v1", "ConfigMap"), ("v1", "Service"), ("apps/v1", "Deployment")]
    return [client.get(*kind, "same", "default") for kind in kinds]


@pytest.fixture
def made_by(prepared: ControlPlane, hook: HookServer) -> Callable[[str, str], list[Object]]:
    """The children that one loop made and changed once, after another loop took them over without a write."""
    client = prepared.client

    def make(which: str, successor: str) -> list[Object]:
        first, second = new_loop(prepared, which), new_loop(prepared, successor)
        first.start()
        client.create(thing("same", colour="red", port=80))
        settled(client, "same")
        client.patch(thing("same"), {"spec": {"colour": "blue"}})
        wait_until(lambda: data_of(client, "same")["colour"] == "blue", "the change is followed")
        wait_until(lambda: availability(client, "same") == 1, "the Deployment is available")
        calls = wait_for_quiet(hook, "same")
        children = children_of_same(client)
        first.stop()
        mark = prepared.audit.mark()
        second.start()
        wait_until(lambda: len(hook.calls_for("same")) > calls, "the successor called the hook")
        wait_for_quiet(hook, "same")
        assert writes_of_the_loop(prepared, mark) == []
        client.delete(thing("same"))
        wait_until(lambda: client.find(GROUP_VERSION, "Thing", "same") is None, "the parent is gone", 60)
        second.stop()
        return children

    return make


def test_both_loops_make_the_same_objects_and_take_over_without_a_write(
    made_by: Callable[[str, str], list[Object]],
) -> None:
    by_metacontroller, by_stand_in = made_by(REAL, STAND_IN), made_by(STAND_IN, REAL)
    assert all(LAST_APPLIED in each["metadata"]["annotations"] for each in by_stand_in)
    assert [comparable(each) for each in by_stand_in] == [comparable(each) for each in by_metacontroller]


def wait_for_quiet(hook: HookServer, name: str) -> int:
    """Wait until ten looks in a row find no new call about a parent; the number of calls so far."""
    looks: list[int] = []

    def quiet() -> bool:
        looks.append(len(hook.calls_for(name)))
        return looks[-10:] == [looks[-1]] * 10

    wait_until(quiet, "the hook is left alone")
    return looks[-1]
