"""Quotas on the real API server: two gate processes, callers through every interface at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeplatform.api.storequotas import GLOBAL, quota_name, timestamp
from tests.cluster.client import ApiError, Client, Object
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate
from tests.stores.platform import API

from .callers import ANN, CALLERS, store

pytestmark = pytest.mark.usefixtures("empty")

# Through the interfaces: an owner, an admin for them, and the intent API for them.
INTERFACES: list[tuple[str, dict[str, str]]] = [
    ("ann", {}),
    ("api", {"platform.urumi.dev/requested-by": ANN}),
    ("ann-phone", {}),
    ("api", {"platform.urumi.dev/requested-by": ANN}),
    ("platform-admin", {}),
    ("api", {"platform.urumi.dev/requested-by": ANN}),
]


def set_quota(client: Client, name: str, most: int, owner: str | None = None) -> None:
    spec = {"maxStores": most} | ({"owner": owner} if owner else {})
    client.apply({"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": name}, "spec": spec})


def create_all(clients: dict[str, Client], asked: list[tuple[str, Object]]) -> list[ApiError]:
    """Create all at once; return what was refused. If a busy gate asks for it, retry."""

    def create(each: tuple[str, Object]) -> ApiError | None:
        def answered() -> list[ApiError | None]:
            try:
                clients[each[0]].create(each[1])
            except ApiError as error:
                return [] if error.code == 429 else [error]
            return [None]

        (found,) = wait_until(answered, "the gate has judged it", 60, interval=1)
        return found

    with ThreadPoolExecutor(len(asked)) as pool:
        return [error for error in pool.map(create, asked) if error]


def names(client: Client) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in client.list_all(API, "Store"))


def test_fifty_concurrent_creates_through_every_interface_fill_a_quota_of_five(
    gate: Gate, clients: dict[str, Client]
) -> None:
    asked = [
        (by, store(f"shop-{number}", annotations=annotations))
        for number in range(50)
        for by, annotations in [INTERFACES[number % len(INTERFACES)]]
    ]
    refused = create_all(clients, asked)
    assert len(names(gate.client)) == 5
    assert len(refused) == 45
    quota = quota_name(ANN)
    assert {error.code for error in refused} == {403}
    for error in refused:
        assert (
            f"{ANN} may have 5 stores, and all of them are in use (StoreQuota {quota}): delete a store" in error.message
        )
        assert "ask a platform admin to raise spec.maxStores of that StoreQuota" in error.message
    assert all(gate.metric("store_gate_admissions_total", operation="CREATE") for _ in gate.processes)

    gate.client.delete(store(names(gate.client)[0]))
    refused = create_all(clients, [(by, store(f"again-{n}", annotations=a)) for n, (by, a) in enumerate(INTERFACES)])
    assert len(names(gate.client)) == 5
    assert len(refused) == len(INTERFACES) - 1


def test_a_global_limit_applies_to_all_owners_together(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, GLOBAL, 5)
    who = {"ann": ANN, "bob": "bob", "odd": CALLERS["odd"][0], "platform-admin": "pat"}
    asked = [(by, store(f"shop-{number}", owner=owner)) for number in range(10) for by, owner in who.items()]
    asked = [(by, {**obj, "metadata": {"name": f"shop-{index}"}}) for index, (by, obj) in enumerate(asked)]
    refused = create_all(clients, asked)
    assert len(names(gate.client)) == 5
    of_all = [error.message for error in refused if "the platform may have 5 stores" in error.message]
    assert of_all
    assert all("(StoreQuota global)" in message and "raise spec.maxStores" in message for message in of_all)
    gate.client.delete(store(names(gate.client)[0]))
    refused = create_all(clients, [(by, store(f"again-{by}", owner=owner)) for by, owner in who.items()])
    assert len(names(gate.client)) == 5
    assert len(refused) == len(who) - 1


def test_a_store_refused_by_the_global_limit_reserves_nothing_for_its_owner(
    gate: Gate, clients: dict[str, Client]
) -> None:
    set_quota(gate.client, GLOBAL, 0)
    with pytest.raises(ApiError, match="the platform may have 0 stores"):
        clients["ann"].create(store("none"))
    assert gate.client.get(API, "StoreQuota", quota_name(ANN))["status"] == {"reserved": {}}


def test_a_changed_limit_applies_to_the_next_create(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    clients["ann"].create(store("one"))
    with pytest.raises(ApiError, match="may have 1 store, and"):
        clients["ann"].create(store("two"))
    set_quota(gate.client, quota_name(ANN), 2, ANN)
    clients["ann"].create(store("two"))
    set_quota(gate.client, quota_name(ANN), 0, ANN)
    with pytest.raises(ApiError, match="may have 0 stores, and"):
        clients["ann"].create(store("three"))
    assert names(gate.client) == ["one", "two"]


def test_an_owners_quota_is_created_with_their_first_store(gate: Gate, clients: dict[str, Client]) -> None:
    odd = CALLERS["odd"][0]
    for owner in (ANN, odd):
        set_quota(gate.client, quota_name(owner), 1, owner)
    clients["ann"].create(store("anns"))
    clients["odd"].create(store("odds", owner=odd))
    clients["bob"].create(store("bobs", owner="bob"))
    for by, owner in (("ann", ANN), ("odd", odd)):
        with pytest.raises(ApiError, match=re.escape(f"{owner} may have 1 store")):
            clients[by].create(store("more", owner=owner))
    made = gate.client.get(API, "StoreQuota", quota_name("bob"))
    assert made["spec"] == {"owner": "bob"}
    assert list(made["status"]["reserved"]) == ["bobs"]


def test_a_dry_run_is_checked_and_reserves_nothing(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    for _ in range(3):
        clients["ann"].create(store("tried"), dryRun="All")
    clients["ann"].create(store("real"))
    with pytest.raises(ApiError, match="may have 1 store"):
        clients["ann"].create(store("tried"), dryRun="All")
    assert gate.records(store="tried") == []


def test_an_existing_store_is_reported_even_if_the_quota_is_used_up(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    clients["ann"].create(store("there"))
    with pytest.raises(ApiError) as error:
        clients["ann"].create(store("there"))
    assert error.value.reason == "AlreadyExists"
    clients["ann"].apply(store("there", plan="large"))


def test_a_create_of_a_taken_name_reserves_nothing(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    clients["bob"].create(store("taken", owner="bob"))
    for _ in range(3):
        with pytest.raises(ApiError) as error:
            clients["ann"].create(store("taken"))
        assert (error.value.code, error.value.reason) == (409, "AlreadyExists")
    clients["ann"].create(store("free"))


def test_a_reservation_is_released_if_another_owner_got_the_name_first(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    clients["bob"].create(store("raced", owner="bob"))
    quota = gate.client.get(API, "StoreQuota", quota_name(ANN))
    lost = {"raced": timestamp(datetime.now(UTC))}
    gate.client.replace({**quota, "status": {"reserved": lost}}, "status")
    clients["ann"].create(store("next"))
    assert list(gate.client.get(API, "StoreQuota", quota_name(ANN))["status"]["reserved"]) == ["next"]


def test_sixty_concurrent_creates_of_one_owner_are_all_decided_in_time(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 60, ANN)
    assert create_all(clients, [("ann", store(f"shop-{number}")) for number in range(60)]) == []
    assert len(names(gate.client)) == 60
    with pytest.raises(ApiError, match="may have 60 stores"):
        clients["ann"].create(store("one-more"))


@pytest.fixture
def refusing(gate: Gate, clients: dict[str, Client]) -> Any:
    """Another webhook beside ours that refuses stores named "doomed"; it is active on return."""
    hooks = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "somebody-elses"},
        "webhooks": [
            {
                "name": "never.example.com",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "rules": [
                    {
                        "apiGroups": ["platform.urumi.dev"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["stores"],
                    }
                ],
                "matchConditions": [{"name": "doomed", "expression": "object.metadata.name == 'doomed'"}],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }
        ],
    }
    gate.client.apply(hooks)

    def asked() -> bool:
        try:
            clients["ann"].create(store("doomed"), dryRun="All")
        except ApiError as error:
            return "never.example.com" in error.message
        return False

    wait_until(asked, "it is asked")
    yield
    gate.client.delete(hooks)


def test_a_create_refused_by_another_webhook_releases_its_reservation(
    gate: Gate, clients: dict[str, Client], refusing: Any
) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)

    def doomed() -> bool:
        with pytest.raises(ApiError) as error:
            clients["ann"].create(store("doomed"))
        return "never.example.com" in error.value.message

    wait_until(lambda: doomed() and gate.client.find(API, "StoreQuota", quota_name(ANN))["status"], "it is refused")
    with pytest.raises(ApiError, match="may have 1 store"):
        clients["ann"].create(store("next"))
    age(gate, quota_name(ANN), GLOBAL, seconds=50)
    with pytest.raises(ApiError, match="may have 1 store"):
        clients["ann"].create(store("next"))
    wait_until(lambda: clients["ann"].create(store("next")), "the reservation is free again")


def age(gate: Gate, *quotas: str, seconds: float) -> None:
    """Make reservations older, so that no test has to wait a minute."""
    for name in quotas:
        quota = gate.client.get(API, "StoreQuota", name)
        for store_name, at in quota["status"]["reserved"].items():
            moved = timestamp(datetime.fromisoformat(at) - timedelta(seconds=seconds))
            quota["status"]["reserved"][store_name] = moved
        gate.client.replace(quota, "status")


def test_deleting_a_store_releases_its_unexpired_reservation(gate: Gate, clients: dict[str, Client]) -> None:
    set_quota(gate.client, quota_name(ANN), 1, ANN)
    for number in range(3):
        clients["ann"].create(store(f"shop-{number}"))
        clients["ann"].delete(store(f"shop-{number}"))
    assert gate.client.get(API, "StoreQuota", quota_name(ANN))["status"] == {"reserved": {}}


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ({"metadata": {"name": "global"}, "spec": {"owner": "ann"}}, "must name an owner, unless it is the one named"),
        ({"metadata": {"name": "ann"}, "spec": {}}, "must name an owner, unless it is the one named"),
        ({"metadata": {"name": "ann"}, "spec": {"owner": "ann"}}, "the first ten digits of the SHA-256"),
        (
            {"metadata": {"name": quota_name("bob")}, "spec": {"owner": "ann"}},
            f"must be named {quota_name('ann')}: under",
        ),
        (
            {"metadata": {"name": quota_name("ann")}, "spec": {"owner": "ann", "maxStores": -1}},
            "greater than or equal to 0",
        ),
    ],
)
def test_an_invalid_quota_is_rejected_with_what_must_hold(gate: Gate, quota: Object, message: str) -> None:
    with pytest.raises(ApiError) as error:
        gate.client.create({"apiVersion": API, "kind": "StoreQuota", **quota})
    assert message in error.value.message


@pytest.mark.parametrize("owner", ["ann@example.com", "ANN", "@@@", "x" * 253, CALLERS["odd"][0], "a-"])
def test_a_quota_can_be_created_for_every_owner(gate: Gate, owner: str) -> None:
    set_quota(gate.client, quota_name(owner), 1, owner)


def test_a_name_whose_namespace_exists_is_refused_and_reserves_nothing(gate: Gate, clients: dict[str, Client]) -> None:
    gate.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "store-warehouse"}})
    with pytest.raises(ApiError, match="is in use on this cluster: choose another") as error:
        clients["ann"].create(store("warehouse"))
    assert (error.value.code, "delete" in error.value.message) == (422, False)
    assert gate.client.find(API, "StoreQuota", quota_name(ANN)) is None
