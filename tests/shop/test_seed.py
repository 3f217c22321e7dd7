"""The seed creates what a new shop needs, once, and keeps the owner's changes."""

from __future__ import annotations

import copy
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from ..containers.sandbox import Container
from .medusa import IMAGES, MedusaStore


def seed(shop: MedusaStore, **other: str) -> Container:
    """Return the seed's container, with other values of some variables, for another spec."""
    made = shop.cluster.containers("Job", "migrate")[-1]
    spec = copy.deepcopy(made.spec)
    for variable in spec["env"]:
        if variable["name"] in other:
            variable["value"] = other[variable["name"]]
    return Container(shop.cluster, "migrate", made.pod, spec)


def things(shop: MedusaStore) -> dict[str, Any]:
    """Count what the seed creates."""
    paths = {
        "products": "/admin/products",
        "regions": "/admin/regions",
        "stock_locations": "/admin/stock-locations",
        "shipping_options": "/admin/shipping-options",
        "users": "/admin/users",
        "api_keys": "/admin/api-keys",
    }
    return {name: shop.api("GET", path, limit=100)["count"] for name, path in paths.items()}


def test_a_new_shop_shows_its_samples_in_the_defined_order(shop: MedusaStore) -> None:
    text = (IMAGES / "backend" / "src" / "seed" / "samples.ts").read_text()
    written = re.findall('^    title: "(.+)",$', text, re.MULTILINE)
    proxies, shown = {"http": shop.ingress.url}, []
    for number in range(1, 4):  # other tests may have added products, and pages with them
        page = requests.get(f"{shop.url}/?page={number}", proxies=proxies, timeout=30).text
        shown += [title for title in re.findall('<span class="name">(.+?)</span>', page) if title in written]
    assert len(written) == 9
    assert shown == [title for title in written if title in shown]
    assert len(shown) >= 8  # another test may have removed one


def test_two_concurrent_seeds_change_nothing_that_exists(shop: MedusaStore) -> None:
    before = things(shop)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda container: container.run_for_code()[0], [seed(shop), seed(shop)]))
    assert codes == [0, 0]
    assert things(shop) == before


def test_what_the_owner_changed_or_removed_is_not_restored(shop: MedusaStore) -> None:
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


def test_addresses_of_uploaded_files_follow_the_host_and_others_stay(shop: MedusaStore) -> None:
    base = next(each["value"] for each in seed(shop).spec["env"] if each["name"] == "FILE_BASE_URL")
    (mug,) = shop.api("GET", "/admin/products", handle="stoneware-mug")["products"]
    images = [{"url": f"{base}/a.png"}, {"url": "https://cdn.example.com/static/a.png"}]
    shop.api("POST", f"/admin/products/{mug['id']}", {"images": images, "thumbnail": f"{base}/a.png"})
    for there, back in (("http://moved.example.com/static", base), (base, "http://moved.example.com/static")):
        seed(shop, FILE_BASE_URL=there).run()
        moved = shop.api("GET", f"/admin/products/{mug['id']}")["product"]
        assert moved["thumbnail"] == f"{there}/a.png"
        assert {each["url"] for each in moved["images"]} == {f"{there}/a.png", "https://cdn.example.com/static/a.png"}
        assert back not in str(moved["images"])


def test_another_country_becomes_a_second_market(shop: MedusaStore) -> None:
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


def test_an_invalid_country_fails_with_a_helpful_message(shop: MedusaStore) -> None:
    code, said = seed(shop, SHOP_COUNTRY="QQ").run_for_code()
    assert code == 1
    assert 'spec.shop.country must be a country that Medusa knows; \\"qq\\" is not one' in said


def test_the_secrets_password_works_with_data_of_another_store(shop: MedusaStore) -> None:
    own, another = seed(shop), seed(shop)
    another.env["MEDUSA_ADMIN_PASSWORD"] = "of-another-store-1"
    codes = {}
    for container in (another, own):
        container.run()
        for each in (another, own):
            signing_in = {"email": each.env["MEDUSA_ADMIN_EMAIL"], "password": each.env["MEDUSA_ADMIN_PASSWORD"]}
            answer = requests.post(
                f"{shop.url}/auth/user/emailpass", json=signing_in, proxies={"http": shop.ingress.url}, timeout=60
            )
            codes[container is own, each is own] = answer.status_code
    assert codes == {(False, False): 200, (False, True): 401, (True, False): 401, (True, True): 200}


def test_a_stranger_registered_with_the_administrators_address_stays_out(shop: MedusaStore) -> None:
    """Medusa lets anybody register, because invitations need that, and renew a session that started then."""
    email, strangers = "new-owner@example.com", "of-a-stranger-1"
    moved = seed(shop)
    moved.env["MEDUSA_ADMIN_EMAIL"] = email
    own = moved.env["MEDUSA_ADMIN_PASSWORD"]

    def ask(method: str, path: str, token: str = "", password: str = "") -> requests.Response:
        body = {"email": email, "password": password} if password else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        proxies = {"http": shop.ingress.url}
        return requests.request(method, shop.url + path, json=body, headers=headers, proxies=proxies, timeout=60)

    session = ask("POST", "/auth/user/emailpass/register", password=strangers).json()["token"]
    try:
        moved.run()
        assert ask("POST", "/auth/user/emailpass", password=strangers).status_code == 401
        renewed = ask("POST", "/auth/token/refresh", session)
        for token in (session, renewed.json().get("token", "")):
            assert ask("GET", "/admin/users/me", token).status_code == 401
        token = ask("POST", "/auth/user/emailpass", password=own).json()["token"]
        assert ask("GET", "/admin/users/me", token).json()["user"]["email"] == email
    finally:
        seed(shop).run()
