"""Metacontroller and its stand-in fulfil the same contract: children."""

import copy
import json
from collections.abc import Callable
from functools import partial

import pytest

from .client import Client, Object
from .controlplane import ControlPlane
from .loop_case import (
    REAL,
    availability,
    data_of,
    map_of,
    new_loop,
    settled,
    wait_for_quiet,
    well_behaved,
    writes_of_the_loop,
)
from .loop_fixtures import GROUP_VERSION, HookServer, Reply, thing
from .loop_merge import LAST_APPLIED
from .loops import STAND_IN
from .manifests import config_map, deployment
from .waiting import wait_until


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


def test_a_manual_change_of_an_inplace_child_is_reverted_a_foreign_field_kept(client: Client, name: str) -> None:
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


def test_a_deleted_child_is_created_again(client: Client, name: str) -> None:
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


def test_a_child_with_a_slow_deletion_is_deleted_once(
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


def test_nothing_is_written_in_steady_state(
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


def test_one_refused_child_does_not_block_the_others(client: Client, hook: HookServer, name: str) -> None:
    refused = config_map("Not_A_Name", "default")

    def one_bad(request: Object) -> Reply:
        if request["finalizing"]:
            return well_behaved(request)
        return Reply({"status": {"seen": 0}, "children": [refused, config_map(name, "default", colour="red")]})

    hook.scripts[name] = one_bad
    client.create(thing(name))
    wait_until(lambda: map_of(client, name), "the other child is there")
    wait_until(lambda: "status" in client.get(GROUP_VERSION, "Thing", name), "the status is written all the same")


def comparable(obj: Object) -> Object:
    """Return objects without what differs between any two runs, including the owner's `uid`."""
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
    """The children that one controller created and changed once, after another one took over without a write."""
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


def test_both_controllers_create_the_same_and_take_over_without_a_write(
    made_by: Callable[[str, str], list[Object]],
) -> None:
    by_metacontroller, by_stand_in = made_by(REAL, STAND_IN), made_by(STAND_IN, REAL)
    assert all(LAST_APPLIED in each["metadata"]["annotations"] for each in by_stand_in)
    assert [comparable(each) for each in by_stand_in] == [comparable(each) for each in by_metacontroller]
