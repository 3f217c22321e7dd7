"""The seed makes what a new shop needs, once, and leaves alone what the owner has made of it."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..containers.sandbox import Container
from .medusa import MedusaStore


def seed(shop: MedusaStore, **other: str) -> Container:
    """The seed's container, with other values of some variables, as another spec would give."""
    made = shop.cluster.containers("Job", "migrate")[-1]
    spec = copy.deepcopy(made.spec)
    for variable in spec["env"]:
        if variable["name"] in other:
            variable["value"] = other[variable["name"]]
    return Container(shop.cluster, "migrate", made.pod, spec)


def things(shop: MedusaStore) -> dict[str, Any]:
    """How many there are of what the seed makes."""
    paths = {
        "products": "/admin/products",
        "regions": "/admin/regions",
        "stock_locations": "/admin/stock-locations",
        "shipping_options": "/admin/shipping-options",
        "users": "/admin/users",
        "api_keys": "/admin/api-keys",
    }
    return {name: shop.api("GET", path, limit=100)["count"] for name, path in paths.items()}


def test_two_seeds_at_once_change_nothing_that_is_there(shop: MedusaStore) -> None:
    before = things(shop)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda container: container.run_for_code()[0], [seed(shop), seed(shop)]))
    assert codes == [0, 0]
    assert things(shop) == before


def test_what_the_owner_changed_or_removed_stays_so_whatever_the_store_says(shop: MedusaStore) -> None:
    (store,) = shop.api("GET", "/admin/stores")["stores"]
    (carafe,) = shop.api("GET", "/admin/products", handle="glass-carafe")["products"]
    shop.api("POST", f"/admin/stores/{store['id']}", {"name": "Ann's own name"})
    shop.api("DELETE", f"/admin/products/{carafe['id']}")
    before = things(shop)
    seed(shop, SHOP_TITLE="Another", SHOP_CURRENCY="SEK").run()
    assert things(shop) == before
    (after,) = shop.api("GET", "/admin/stores")["stores"]
    assert (store["name"], after["name"]) == ("Käse & $(NAME) <Brot>", "Ann's own name")
    assert "sek" not in [each["currency_code"] for each in after["supported_currencies"]]


def test_another_country_becomes_a_market_beside_the_first(shop: MedusaStore) -> None:
    seed(shop, SHOP_COUNTRY="US", SHOP_CURRENCY="USD").run()
    regions = shop.api("GET", "/admin/regions")["regions"]
    assert sorted((region["name"], region["currency_code"]) for region in regions) == [
        ("Germany", "eur"),
        ("United States", "usd"),
    ]
    (store,) = shop.api("GET", "/admin/stores")["stores"]
    assert {each["currency_code"]: each["is_default"] for each in store["supported_currencies"]} == {
        "eur": True,
        "usd": False,
    }


def test_a_country_that_is_none_fails_in_words_that_help(shop: MedusaStore) -> None:
    code, said = seed(shop, SHOP_COUNTRY="QQ").run_for_code()
    assert code == 1
    assert 'spec.shop.country must be a country that Medusa knows; \\"qq\\" is none' in said
