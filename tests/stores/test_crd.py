"""The Store's schema on the real API server: what it refuses, in whose words, and what it explains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import ApiError, Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .platform import API, shipped


@pytest.fixture(scope="module")
def stores(plane: ControlPlane) -> Client:
    """An API server that knows Stores; nothing acts on them."""
    for obj in shipped("crd.yaml"):
        plane.client.apply(obj)
    wait_until(lambda: plane.client.list_all(API, "Store") == [], "Stores are served")
    return plane.client


def store(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": "Store",
        "metadata": {"name": name},
        "spec": {"engine": "medusa", "owner": "ann", **spec},
    }


REFUSED = [
    ({"owner": None}, "spec.owner: Required value"),
    ({"engine": None}, "spec.engine: Required value"),
    ({"engine": "Medusa!"}, "spec.engine in body should match"),
    ({"owner": "ann\n"}, "spec.owner in body should match"),
    ({"owner": " ann"}, "spec.owner in body should match"),
    ({"owner": "a\x1bb"}, "spec.owner in body should match"),
    ({"plan": "small\n"}, "spec.plan in body should match"),
    ({"version": "2.0\t"}, "spec.version in body should match"),
    ({"adminEmail": "ann"}, "spec.adminEmail in body should match"),
    ({"adminEmail": "ann@example.com\n"}, "spec.adminEmail in body should match"),
    ({"adminEmail": "$(DATABASE_PASSWORD)@example.com"}, "spec.adminEmail in body should match"),
    ({"hostname": "localhost"}, "a hostname must be a full domain name in small letters"),
    ({"hostname": "shop.example.com:80"}, "a hostname must be a full domain name in small letters"),
    ({"hostname": "shop.example.com\n"}, "a hostname must be a full domain name in small letters"),
    ({"hostname": "10.0.0.1"}, "a hostname must be a full domain name in small letters"),
    ({"hostname": "-a.example.com"}, "a hostname must be a full domain name in small letters"),
    ({"storage": "20"}, "spec.storage in body should match"),
    ({"storage": "0Gi"}, "spec.storage in body should match"),
    ({"shop": {"title": " "}}, "spec.shop.title in body should match"),
    ({"shop": {"title": "Ann's\nshop"}}, "spec.shop.title in body should match"),
    ({"shop": {"currency": "eur"}}, "spec.shop.currency in body should match"),
    ({"shop": {"country": "Germany"}}, "spec.shop.country in body should match"),
    ({"storefront": {"replicas": 0}}, "spec.storefront.replicas"),
    ({"storefront": {"replicas": 21}}, "spec.storefront.replicas"),
]


@pytest.mark.parametrize(("spec", "message"), REFUSED, ids=[str(spec) for spec, _ in REFUSED])
def test_a_wrong_spec_is_refused_with_what_must_hold(stores: Client, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError) as error:
        stores.create(store("wrong", **spec), dryRun="All")
    assert message in error.value.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 41, "a store's name must have at most 40 characters: choose a shorter one"),
        ("shop.one", "a store's name must be a DNS label"),
    ],
)
def test_a_wrong_name_is_refused_with_what_must_hold(stores: Client, name: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        stores.create(store(name), dryRun="All")
    assert message in error.value.message


def test_a_name_of_40_characters_is_taken(stores: Client) -> None:
    assert stores.create(store("a" * 40), dryRun="All")["spec"]["plan"] == "small"


def test_a_shop_sells_in_euros_to_germany_unless_it_is_said(stores: Client) -> None:
    assert stores.create(store("plain"), dryRun="All")["spec"]["shop"] == {"country": "DE", "currency": "EUR"}
    shop = {"title": "Käse & Brot", "currency": "CHF", "country": "CH"}
    assert stores.create(store("swiss", shop=shop), dryRun="All")["spec"]["shop"] == shop


def test_the_owner_can_not_change(stores: Client) -> None:
    stores.apply(store("owned"))
    with pytest.raises(ApiError, match="the owner of a store can't change: make a new store"):
        stores.apply(store("owned", owner="bob"))


def test_storage_only_grows(stores: Client) -> None:
    stores.apply(store("grown", storage="10Gi"))
    stores.apply(store("grown", storage="20Gi"))
    for smaller in ("19Gi", None):
        with pytest.raises(ApiError, match="storage can only grow"):
            stores.patch(store("grown"), {"spec": {"storage": smaller}})


def test_the_engine_can_change_until_the_store_is_accepted_with_it(stores: Client) -> None:
    stores.apply(store("engined", engine="medussa"))
    made = stores.apply(store("engined", engine="medusa"))
    stores.replace({**made, "status": {"engine": "medusa"}}, "status")
    with pytest.raises(ApiError, match="the engine of an accepted store can't change"):
        stores.apply(store("engined", engine="woocommerce"))


def test_an_unknown_field_is_refused(stores: Client) -> None:
    with pytest.raises(ApiError, match=r'unknown field "spec[.]hostnam"'):
        stores.create(store("typo", hostnam="shop.example.com"), dryRun="All", fieldValidation="Strict")


def test_every_field_explains_itself(plane: ControlPlane, stores: Client) -> None:
    text = plane.kubectl("explain", "store", "--recursive=false")
    assert "A Store is one online shop." in text
    spec = wait_until(lambda: plane.kubectl("explain", "store.spec"), "kubectl explains Stores")
    assert "How much the shop may use (requests, limits, quota, storage)" in " ".join(spec.split())
    crd = shipped("crd.yaml")[0]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = {name: field for name, field in walk(schema) if name != ".metadata"}
    assert [name for name, field in fields.items() if not field.get("description")] == []


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from walk(field, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
