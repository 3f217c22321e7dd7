"""Lists of stores: filters, order, pages, and reading one's own writes."""

from __future__ import annotations

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import API

from .server import Api, ApiClient

# By name: engine, plan, phase, owner.
STORES = {
    "alpha": ("medusa", "small", "Ready", "ann@example.com"),
    "bravo": ("medusa", "large", "Failed", "ann@example.com"),
    "carol": ("medusa", "small", None, "ann@example.com"),
    "delta": ("medusa", "medium", "Ready", "ben@example.com"),
    "echo": ("medusa", "small", "Suspended", "ann@example.com"),
}


@pytest.fixture(scope="module", autouse=True)
def stores(plane: ControlPlane, api: Api) -> None:
    for name, (engine, plan, phase, owner) in STORES.items():
        store = {"apiVersion": API, "kind": "Store", "metadata": {"name": name}}
        made = plane.client.create({**store, "spec": {"engine": engine, "plan": plan, "owner": owner}})
        if phase:
            made = plane.client.patch(store, {"status": {"phase": phase}}, "status")
    headers = {"Min-Resource-Version": made["metadata"]["resourceVersion"]}
    assert api.caller("ada")("GET", "/stores", headers=headers).status_code == 200
    return


def names(caller: ApiClient, **query: object) -> list[str]:
    return [each["name"] for each in caller.get("/stores", **query)["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["alpha", "bravo", "carol", "echo"]),
        ({"phase": "Pending"}, ["carol"]),
        ({"phase": "Ready"}, ["alpha"]),
        ({"plan": "large"}, ["bravo"]),
        ({"engine": "woocommerce"}, []),
        ({"text": "BRA"}, ["bravo"]),
        ({"text": "ann@"}, ["alpha", "bravo", "carol", "echo"]),
        ({"owner": "ben@example.com"}, []),
        ({"sort": "-name"}, ["echo", "carol", "bravo", "alpha"]),
        ({"sort": "plan"}, ["bravo", "alpha", "carol", "echo"]),
        ({"sort": "phase"}, ["bravo", "carol", "echo", "alpha"]),
    ],
)
def test_an_owner_finds_their_stores(ann: ApiClient, query: dict[str, str], expected: list[str]) -> None:
    assert names(ann, **query) == expected


def test_an_admin_sees_all_stores_and_can_filter_by_owner(ada: ApiClient) -> None:
    assert names(ada) == sorted(STORES)
    assert names(ada, owner="ben@example.com") == ["delta"]


@pytest.mark.parametrize("sort", ["name", "-name", "phase", "-phase", "createdAt", "-plan"])
def test_pages_contain_every_store_once_in_order(ada: ApiClient, sort: str) -> None:
    whole = names(ada, sort=sort)
    paged, cursor = [], ""
    while cursor is not None:
        page = ada.get("/stores", sort=sort, limit=2, cursor=cursor)
        assert page["total"] == 5
        paged += [each["name"] for each in page["items"]]
        cursor = page["next"]
    assert (paged, sorted(paged)) == (whole, sorted(STORES))


def test_a_store_deleted_between_two_pages_shifts_no_other(ada: ApiClient, ann: ApiClient) -> None:
    ann.create("aaa")
    page = ada.get("/stores", limit=2)
    assert [each["name"] for each in page["items"]] == ["aaa", "alpha"]
    ann("DELETE", "/stores/aaa?confirm=aaa")
    assert names(ada, limit=2, cursor=page["next"]) == ["bravo", "carol"]


@pytest.mark.parametrize("cursor", ["x", "bm9uc2U", "WyJwbGFuIiwgInNtYWxsIiwgImEiXQ"])
def test_a_cursor_of_another_list_is_rejected(ada: ApiClient, cursor: str) -> None:
    answer = ada("GET", "/stores", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?cursor")


@pytest.mark.parametrize(
    "query", ["phase=Sleeping", "limit=0", "limit=1000", "limit=many", "sort=colour", "colour=red"]
)
def test_an_unknown_query_parameter_is_named(ada: ApiClient, query: str) -> None:
    answer = ada("GET", f"/stores?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?" + query.partition("=")[0])
