"""Metacontroller and its stand-in fulfil the same contract: parents, the hook's responses, and restarts."""

import time
from typing import Any

import pytest

from .client import Client, Object
from .controlplane import ControlPlane
from .loop_case import FINALIZER, availability, data_of, map_of, new_loop, settled, wait_for_quiet, wanted, well_behaved
from .loop_fixtures import GROUP_VERSION, TOKEN, HookServer, Reply, thing
from .loops import STAND_IN, Loop
from .manifests import config_map
from .waiting import wait_until


def test_the_hook_receives_every_child_kind_even_without_children(client: Client, hook: HookServer, name: str) -> None:
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


def test_a_status_change_triggers_no_sync_and_a_label_change_does(client: Client, hook: HookServer, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    before = wait_for_quiet(hook, name)
    client.patch(thing(name), {"status": {"seen": 7}}, "status")
    client.create(thing(f"{name}-2", colour="red"))  # the event after the status change is handled
    settled(client, f"{name}-2")
    client.delete(thing(f"{name}-2"))
    assert len(hook.calls_for(name)) == before
    client.patch(thing(name), {"metadata": {"labels": {"other": "label"}}})
    settled(client, name)
    assert len(hook.calls_for(name)) > before


def test_deletion_calls_finalize_until_it_returns_finalized(client: Client, hook: HookServer, name: str) -> None:
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


def test_a_parent_leaving_the_selector_is_finalized_and_keeps_its_children(
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
def test_a_response_that_violates_the_contract_changes_nothing(
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


def test_a_429_is_retried_after_its_retry_after(client: Client, hook: HookServer, name: str) -> None:
    times: list[float] = []

    def busy_once(request: Object) -> Reply:
        times.append(time.monotonic())
        return Reply("", 429, {"Retry-After": "2"}) if len(times) == 1 else well_behaved(request)

    client.create(thing(name, colour="red"))
    settled(client, name)
    wait_until(lambda: availability(client, name) == 1, "the Deployment is available")
    wait_for_quiet(hook, name)
    hook.scripts[name] = busy_once
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    wait_until(lambda: data_of(client, name)["colour"] == "blue", "the change is followed after all")
    assert 1.9 <= times[1] - times[0] < 5


def test_the_hook_is_called_again_after_resync_after_seconds(client: Client, hook: HookServer, name: str) -> None:
    def again(request: Object) -> Reply:
        if request["finalizing"]:
            return well_behaved(request)
        return Reply({"status": {}, "children": [], "resyncAfterSeconds": 0.3})

    hook.scripts[name] = again
    client.create(thing(name))
    wait_until(lambda: len(hook.calls_for(name)) >= 8, "the hook was called many times")


def test_the_controller_survives_a_restart_of_the_api_server(
    prepared: ControlPlane, client: Client, loop: Loop, name: str
) -> None:
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


def test_a_killed_controller_continues_where_it_was(client: Client, loop: Loop, name: str) -> None:
    client.create(thing(name, colour="red"))
    settled(client, name)
    loop.kill()
    client.patch(thing(name), {"spec": {"colour": "blue"}})
    loop.start()
    wait_until(lambda: data_of(client, name)["colour"] == "blue", "the change made meanwhile is followed", 60)


def test_the_stand_in_rejects_a_null_child_and_continues(prepared: ControlPlane, hook: HookServer) -> None:
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
