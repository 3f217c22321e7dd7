"""The API and kubectl share a quota: together they never exceed it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from storeplatform.api.storequotas import quota_name
from tests.cluster.client import ApiError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate
from tests.stores.platform import API

from .server import USERS, Api


@pytest.fixture(scope="module")
def gate(binary: object) -> Iterator[Gate]:
    with ControlPlane(users=USERS) as plane, Gate(plane, processes=2) as gate:
        yield gate


@pytest.fixture(scope="module")
def api(gate: Gate) -> Iterator[Api]:
    """Two processes that write into the gate's audit."""
    with Api(gate.plane, processes=2, settings={"audit": gate.settings["audit"]}) as api:
        yield api


def names(plane: ControlPlane, owner: str) -> list[str]:
    return [
        each["metadata"]["name"] for each in plane.client.list_all(API, "Store", fieldSelector=f"spec.owner={owner}")
    ]


def test_fifty_concurrent_creates_through_both_interfaces_fill_a_quota_of_five(gate: Gate, api: Api) -> None:
    kubectl = gate.plane.client_for("admin")

    def by_api(number: int) -> str:
        answer = api.caller("ann", number % 2).create(f"api-{number}")
        return "" if answer.status_code == 202 else f"{answer.json()['type']} {answer.json()['detail']}"

    def by_kubectl(number: int) -> str:
        spec = {"engine": "medusa", "owner": "ann@example.com"}
        try:
            kubectl.create(
                {"apiVersion": API, "kind": "Store", "metadata": {"name": f"kubectl-{number}"}, "spec": spec}
            )
        except ApiError as error:
            return error.message
        return ""

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: (by_api if n % 2 else by_kubectl)(n), range(50)))
    made = names(gate.plane, "ann@example.com")
    assert (len(made), answers.count("")) == (5, 5)
    words = ("StoreQuota ann-example-com-", "delete a store that is not needed, or ask a platform admin")
    assert [each for each in answers if each and not all(word in each for word in words)] == []
    assert {each.split()[0] for number, each in enumerate(answers) if each and number % 2} == {
        "urn:store-platform:quota-exceeded"
    }
    api.caller("ada")("DELETE", f"/stores/{made[0]}?confirm={made[0]}")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(by_api, range(101, 111)))
    assert (len(names(gate.plane, "ann@example.com")), answers.count("")) == (5, 1)


def test_a_limit_set_by_an_admin_applies_at_once(gate: Gate, api: Api) -> None:
    ada, ben = api.caller("ada"), api.caller("ben")
    assert ada("PUT", "/quotas/ben@example.com", {"maxStores": 1}).json()["maxStores"] == 1
    assert [ben.create(name).status_code for name in ("ben-1", "ben-2")] == [202, 403]
    assert ben.get("/quota") == {"owner": "ben@example.com", "maxStores": 1, "isDefault": False, "used": 1}
    ada("PUT", "/quotas/ben@example.com", {"maxStores": 2})
    assert ben.create("ben-2").status_code == 202
    everybody, *owners = ada.get("/quotas")["items"]
    assert (everybody["owner"], everybody["maxStores"]) == (None, 1000)
    assert {"owner": "ben@example.com", "maxStores": 2, "isDefault": False, "used": 2} in owners


def test_quota_pages_contain_every_owner_once(gate: Gate, api: Api) -> None:
    ada = api.caller("ada")
    owners = {f"paged-{number:02}" for number in range(12)}
    for owner in sorted(owners)[::2]:
        ada("PUT", f"/quotas/{owner}", {"maxStores": 3})
    for owner in sorted(owners)[1::2]:
        store = {"apiVersion": API, "kind": "Store", "metadata": {"name": f"of-{owner}"}}
        made = gate.plane.client.create({**store, "spec": {"engine": "medusa", "owner": owner}})
        gate.plane.client.delete({"apiVersion": API, "kind": "StoreQuota", "metadata": {"name": quota_name(owner)}})
    seen = {"Min-Resource-Version": made["metadata"]["resourceVersion"]}
    assert ada("GET", "/stores", headers=seen).status_code == 200
    found: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ada.get("/quotas", limit=3, cursor=cursor)
        assert len(page["items"]) <= 3 + (not cursor)
        found += page["items"]
        cursor = page["next"]
    names = [each["owner"] for each in found]
    assert names[0] is None
    assert len(names) == len(set(names))
    paged = [each for each in found if each["owner"] in owners]
    assert [(each["owner"], each["used"], each["isDefault"]) for each in paged] == [
        (owner, number % 2, bool(number % 2)) for number, owner in enumerate(sorted(owners))
    ]
    assert ada("GET", "/quotas", params={"cursor": "nonsense"}).status_code == 422


def test_a_dry_run_respects_the_quota_and_reserves_nothing(gate: Gate, api: Api) -> None:
    api.caller("ada")("PUT", "/quotas/olga", {"maxStores": 1})
    body = {"name": "olgas", "spec": {"engine": "medusa", "owner": "olga"}}
    ada = api.caller("ada")
    assert [ada("POST", "/stores?dryRun=true", body).status_code for _ in range(2)] == [200, 200]
    assert ada("POST", "/stores", body).status_code == 202
    assert ada("POST", "/stores?dryRun=true", {**body, "name": "olgas-2"}).status_code == 403


def test_changes_through_either_interface_are_in_one_audit_once(gate: Gate, api: Api) -> None:
    ada = api.caller("ada")
    ada("POST", "/stores", {"name": "by-api", "spec": {"engine": "medusa", "owner": "zoe"}})
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "by-kubectl"}}
    gate.plane.client.create({**store, "spec": {"engine": "medusa", "owner": "zoe"}})

    def answers() -> set[tuple[str, str, str]]:
        items = ada.get("/audit", owner="zoe")["items"]
        assert len(items) <= 2
        return {(each["actor"], each["interface"], each["store"]) for each in items}

    wait_until(lambda: len(answers()) == 2, "both are recorded", 20)
    assert answers() == {("ada@example.com", "api", "by-api"), ("admin", "kubectl", "by-kubectl")}


def test_without_the_gate_the_api_names_it_and_everything_else_works(gate: Gate, api: Api) -> None:
    ada = api.caller("ada")
    ada("POST", "/stores", {"name": "there", "spec": {"engine": "medusa", "owner": "yan"}})
    gate.kill()
    refused = ada("POST", "/stores", {"name": "not-there", "spec": {"engine": "medusa", "owner": "yan"}})
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:store-platform:unavailable")
    assert "the gate, which checks quotas, is unavailable" in refused.json()["detail"]
    assert ada("POST", "/stores/there/actions/suspend").status_code == 202
    assert ada.get("/stores/there")["spec"]["suspended"] is True
    assert ada("DELETE", "/stores/there?confirm=there").status_code == 202
    gate.start()
    made = ada("POST", "/stores", {"name": "there-again", "spec": {"engine": "medusa", "owner": "yan"}})
    assert made.status_code == 202
