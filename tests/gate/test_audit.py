"""Every request about a store, through the real API server, is in the audit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from storeplatform.api.audit import Record
from storeplatform.api.storequotas import quota_name
from tests.cluster.client import ApiError, Client, Object
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate
from tests.stores.platform import API

from .callers import ANN, store

pytestmark = pytest.mark.usefixtures("empty")


VOUCHER = {"platform.urumi.dev/requested-by": "me"}


def await_record(gate: Gate, timeout: float = 60, **wanted: str) -> Record:
    """Return the newest record with those values, once there is one."""
    return wait_until(lambda: gate.records(**wanted), f"the audit has {wanted}", timeout)[-1]


def test_a_create_a_change_a_suspension_and_a_delete_are_recorded(gate: Gate, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("life"))
    clients["ann"].patch(store("life"), {"spec": {"plan": "large", "version": "2.0"}})
    clients["platform-admin"].patch(store("life"), {"spec": {"suspended": True}})
    clients["ann"].delete(store("life"))
    await_record(gate, store="life", action="delete")
    recorded = [(each.actor, each.action, each.outcome, each.before, each.after) for each in gate.records(store="life")]
    defaults = {
        "engine": "medusa",
        "owner": ANN,
        "deletionProtection": False,
        "plan": "small",
        "shop": {"country": "DE", "currency": "EUR"},
        "suspended": False,
    }
    last = {**defaults, "plan": "large", "version": "2.0", "suspended": True}
    assert recorded == [
        (ANN, "create", "admitted", None, defaults),
        (ANN, "update", "admitted", {"plan": "small"}, {"plan": "large", "version": "2.0"}),
        ("pat", "suspend", "admitted", {"suspended": False}, {"suspended": True}),
        (ANN, "delete", "admitted", last, None),
    ]
    assert {(each.interface, each.owner, bool(each.request_id)) for each in gate.records(store="life")} == {
        ("kubectl", ANN, True)
    }


QUOTA: Object = {"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": "global"}}


@pytest.fixture(scope="module")
def refusals(gate: Gate, clients: dict[str, Client]) -> None:
    """Refusals of every kind, and the time after which an attempt without an outcome is reported as one."""
    clients["ann"].create(store("kept", deletionProtection=True))
    refused: list[tuple[str, Callable[[], Any]]] = [
        ("must be you", lambda: clients["bob"].create(store("policy"))),
        ("should match", lambda: clients["ann"].create(store("schema", plan="No such"))),
        ("must be of type boolean", lambda: clients["ann"].create(store("shape", suspended="yes"))),
        ("is protected", lambda: clients["ann"].delete(store("kept"))),
        ("can't change", lambda: clients["ann"].patch(store("kept"), {"spec": {"owner": "bob"}})),
        ("belongs to", lambda: clients["bob"].patch(store("kept"), {"spec": {"plan": "large"}})),
    ]
    for words, ask in refused:
        with pytest.raises(ApiError, match=words):
            ask()
    # To the audit, all three are requests of one caller about one object.
    with pytest.raises(ApiError, match="must stay as it is"):
        clients["ann"].create(store("again", annotations=VOUCHER))
    clients["ann"].create(store("again"))
    gate.client.delete(store("again"))
    with pytest.raises(ApiError, match="must stay as it is"):
        clients["ann"].create(store("again", annotations=VOUCHER))
    gate.client.apply({**QUOTA, "spec": {"maxStores": 0}})
    with pytest.raises(ApiError, match="the platform may have 0 stores"):
        clients["ann"].create(store("full"))
    gate.client.delete(QUOTA)
    with pytest.raises(ApiError):
        clients["ann"].create(store("last", plan="No such"))
    await_record(gate, store="last", outcome="refused")


@pytest.mark.usefixtures("refusals")
@pytest.mark.parametrize(("name", "actor"), [("policy", "bob"), ("schema", ANN), ("shape", ANN)])
def test_a_create_refused_before_the_last_webhook_is_reported(gate: Gate, name: str, actor: str) -> None:
    (recorded,) = gate.records(store=name)
    assert (recorded.actor, recorded.action, recorded.outcome) == (actor, "create", "refused")
    assert recorded.reason == "by the schema or a policy of the API server; the response to the caller names it"


@pytest.mark.usefixtures("refusals")
def test_changes_and_deletions_refused_before_the_last_webhook_are_reported(gate: Gate) -> None:
    recorded = [each for each in gate.records(store="kept") if each.actor != "admin"]
    assert [(each.actor, each.action, each.outcome) for each in recorded] == [
        (ANN, "create", "admitted"),
        (ANN, "delete", "refused"),
        (ANN, "update", "refused"),
        ("bob", "update", "refused"),
    ]


@pytest.mark.usefixtures("refusals")
def test_a_quotas_refusal_is_reported_once_with_its_message(gate: Gate) -> None:
    (recorded,) = gate.records(store="full")
    assert (recorded.outcome, recorded.reason.partition(",")[0]) == ("refused", "the platform may have 0 stores")


@pytest.mark.usefixtures("refusals")
def test_repeated_requests_for_one_object_are_reported_one_by_one(gate: Gate) -> None:
    """The annotation is in no record and no record's key, so the three are the same to the audit."""
    recorded = [each for each in gate.records(store="again") if each.action == "create"]
    assert [each.outcome for each in recorded] == ["refused", "admitted", "refused"]


def test_the_apis_own_requests_are_recorded_by_the_api(gate: Gate, clients: dict[str, Client]) -> None:
    clients["api"].create(store("apis"))
    clients["api"].delete(store("apis"))
    clients["ann"].create(store("after"))
    await_record(gate, store="after")
    assert gate.records(store="apis") == []


def test_a_change_of_metadata_only_is_recorded(gate: Gate, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("labelled"))
    clients["ann"].patch(store("labelled"), {"metadata": {"labels": {"a": "b"}}})
    gate.client.patch(store("labelled"), {"metadata": {"finalizers": ["example.com/held"]}})
    gate.client.patch(store("labelled"), {"metadata": {"finalizers": None}})
    clients["ann"].delete(store("labelled"))
    await_record(gate, store="labelled", action="delete")
    recorded = [(each.actor, each.action, each.before, each.after) for each in gate.records(store="labelled")]
    assert recorded[1:4] == [
        (ANN, "update", {}, {"metadata.labels": {"a": "b"}}),
        ("admin", "update", {}, {"metadata.finalizers": ["example.com/held"]}),
        ("admin", "update", {"metadata.finalizers": ["example.com/held"]}, {}),
    ]


def test_a_create_that_came_second_is_recorded_as_refused(gate: Gate, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("first"))
    with pytest.raises(ApiError, match="already exists") as error:
        clients["bob"].create(store("first", owner="bob"))
    assert (error.value.code, error.value.reason) == (409, "AlreadyExists")
    assert await_record(gate, store="first", actor="bob").outcome == "refused"
    assert {each.outcome for each in gate.records(store="first", owner=ANN)} == {"admitted"}


def test_of_concurrent_creates_of_one_name_one_is_recorded_as_done(gate: Gate, clients: dict[str, Client]) -> None:
    def ask(who: str) -> bool:
        try:
            clients[who].create(store("contested", owner=ANN if who == "ann" else who))
        except ApiError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(ask, ["ann", "bob"] * 4))
    assert made.count(True) == 1
    winner = gate.client.get(API, "Store", "contested")["spec"]["owner"]

    def settled() -> bool:
        recorded = [(each.owner, each.outcome) for each in gate.records(store="contested", action="create")]
        return [owner for owner, outcome in recorded if outcome == "admitted"] == [winner] and len(set(recorded)) > 1

    wait_until(settled, "one is recorded as done, the others as refused", 90)


def test_setting_and_changing_a_limit_is_recorded(gate: Gate, clients: dict[str, Client]) -> None:
    quota = {"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": quota_name("bob")}}
    clients["platform-admin"].create({**quota, "spec": {"owner": "bob", "maxStores": 1}})
    clients["platform-admin"].patch(quota, {"spec": {"maxStores": 2}})
    clients["bob"].create(store("bobs", owner="bob"))
    recorded = wait_until(lambda: gate.records(action="quota", owner="bob", actor="pat")[1:], "both are reported")
    assert [(each.actor, each.before, each.after) for each in recorded] == [
        ("pat", {"owner": "bob", "maxStores": 1}, {"owner": "bob", "maxStores": 2})
    ]


def test_a_secret_in_an_unknown_field_is_in_no_audit_record_and_no_log(gate: Gate, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("careless", annotations={"note": "hush-hush"}, password="hush-hush"))
    await_record(gate, store="careless")
    assert "hush" not in str(gate.records())
    assert "hush" not in str(list(gate.log_lines()))


class TestDeletionRecord:
    """A deletion ends with an Event that outlives the Store."""

    def held(self, gate: Gate, name: str) -> Object:
        obj = store(name)
        obj["metadata"]["finalizers"] = ["example.com/held"]
        return gate.client.create(obj)

    def test_it_contains_the_last_message_of_the_status(self, gate: Gate) -> None:
        made = self.held(gate, "over")
        condition = {
            "type": "Terminating",
            "status": "True",
            "reason": "Deleted",
            "message": "nothing remains",
            "lastTransitionTime": "2030-01-01T00:00:00Z",
        }
        gate.client.patch(store("over"), {"status": {"conditions": [condition]}}, "status")
        gate.client.delete(store("over"))
        gate.client.patch(store("over"), {"metadata": {"finalizers": None}})
        (event,) = wait_until(lambda: self.events(gate, "over"), "the deletion record exists")
        assert event["message"] == "store over is gone: nothing remains"
        assert (event["reason"], event["type"]) == ("StoreGone", "Normal")
        assert event["involvedObject"]["uid"] == made["metadata"]["uid"]
        assert await_record(gate, store="over", action="gone").reason == event["message"]
        assert "StoreGone" in gate.plane.kubectl("get", "events", "--field-selector=involvedObject.name=over")

    def test_a_store_that_still_has_a_finalizer_has_none(self, gate: Gate) -> None:
        obj = self.held(gate, "held")
        gate.client.patch(store("held"), {"metadata": {"finalizers": ["example.com/a", "example.com/b"]}})
        gate.client.delete(obj | {"apiVersion": API, "kind": "Store"})
        gate.client.patch(store("held"), {"metadata": {"finalizers": ["example.com/a"]}})
        assert self.events(gate, "held") == []
        gate.client.patch(store("held"), {"metadata": {"finalizers": None}})
        assert len(wait_until(lambda: self.events(gate, "held"), "the deletion record exists")) == 1

    def test_a_failure_to_write_it_is_counted_and_blocks_nothing(self, gate: Gate) -> None:
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
        role["metadata"] = {"name": "store-api-events", "namespace": "default"}  # type: ignore[assignment]
        gate.client.patch(role, {"rules": []})
        try:

            def counted() -> bool:
                self.held(gate, "mute")
                gate.client.delete(store("mute"))
                gate.client.patch(store("mute"), {"metadata": {"finalizers": None}})
                return gate.metric("store_gate_failures_total", what="deletion record") > 0

            wait_until(counted, "the failure is counted")
            assert gate.client.find(API, "Store", "mute") is None
        finally:
            gate.client.patch(
                role, {"rules": [{"apiGroups": [""], "resources": ["events"], "verbs": ["create", "list"]}]}
            )

    def events(self, gate: Gate, name: str) -> list[Object]:
        return gate.client.list_all("v1", "Event", "default", fieldSelector=f"involvedObject.name={name}")
