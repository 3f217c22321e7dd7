"""Whatever a shopper sends to Medusa's public API, or from two tabs: the shop is paid, and each order is paid once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from ..cluster.waiting import wait_until
from .medusa import MedusaStore
from .stripe import KEYS, VISA, Stripe, deliver
from .test_card import ADDRESS, CARD, INVOICE, SUCCEEDED, Shopper

GERMAN = {"country": "DE", "currency": "EUR"}


@pytest.fixture(scope="module")
def shop(stripe: Stripe) -> Iterator[MedusaStore]:
    """A shop that takes cards."""
    options: dict[str, Any] = {"hostname": "api.example.com", "shop": GERMAN}
    with MedusaStore.temporary(backend_env={"STRIPE_API_URL": stripe.url}, **options) as store:
        store.open()
        store.cluster.write_secret("integration-payments", KEYS)
        yield store


class Client:
    """A program that calls the Store API with the shop's public key."""

    def __init__(self, shop: MedusaStore) -> None:
        self.shop = shop
        self.key = shop.api("GET", "/admin/api-keys", type="publishable")["api_keys"][0]["token"]
        self.region = shop.api("GET", "/admin/regions")["regions"][0]["id"]

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """Return the response of the backend."""
        headers, proxies = {"x-publishable-api-key": self.key}, {"http": self.shop.ingress.url}
        address = self.shop.url + path
        return requests.request(method, address, json=body, headers=headers, proxies=proxies, params=query, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return what the backend answers; it must not refuse."""
        answer = self.send(method, path, body, **query)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def refusal(self, method: str, path: str, body: Any = None) -> str:
        """Return the message with which the backend refuses a request."""
        answer = self.send(method, path, body)
        assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return str(answer.json()["message"])

    def variant(self, handle: str = "notebook") -> Any:
        """Return the first variant of a product."""
        fields = "*variants"
        products = self.ask("GET", "/store/products", handle=handle, fields=fields)["products"]
        return products[0]["variants"][0]

    def cart(self, handle: str = "notebook", quantity: int = 1) -> str:
        """Fill a cart, with everything that an order needs but a payment; return its id."""
        items = [{"variant_id": self.variant(handle)["id"], "quantity": quantity}]
        email = f"{secrets.token_hex(8)}@example.com"
        body = {"region_id": self.region, "email": email, "shipping_address": ADDRESS, "items": items}
        cart = self.ask("POST", "/store/carts", body)["cart"]["id"]
        option = self.ask("GET", "/store/shipping-options", cart_id=cart)["shipping_options"][0]["id"]
        self.ask("POST", f"/store/carts/{cart}/shipping-methods", {"option_id": option})
        return str(cart)

    def begin(self, cart: str, provider: str) -> str:
        """Start to pay a cart; return the address of the provider's page, if it has one."""
        collection = self.ask("POST", "/store/payment-collections", {"cart_id": cart})["payment_collection"]["id"]
        path = f"/store/payment-collections/{collection}/payment-sessions"
        (session,) = self.ask("POST", path, {"provider_id": provider})["payment_collection"]["payment_sessions"]
        return str(session["data"].get("url", ""))

    def order(self, cart: str) -> str:
        """Order a cart; return the order's id."""
        answer = self.ask("POST", f"/store/carts/{cart}/complete")
        assert answer["type"] == "order", answer
        return str(answer["order"]["id"])

    def ordered(self, order: str) -> Any:
        """Return an order, as the admin shows it."""
        fields = "total,payment_status,email,*summary,*items,*items.detail"
        return self.shop.api("GET", f"/admin/orders/{order}", fields=fields)["order"]


@pytest.fixture(scope="module")
def client(shop: MedusaStore) -> Client:
    """Somebody who knows the Store API."""
    return Client(shop)


def refunded(stripe: Stripe) -> list[int]:
    """Return the amounts that the provider has paid back, newest first."""
    return [each["amount"] for each in stripe.objects("refunds")]


def test_only_the_owner_records_that_goods_came_back(client: Client, shop: MedusaStore) -> None:
    cart = client.cart()
    client.begin(cart, INVOICE)
    order = client.order(cart)
    before = client.ordered(order)
    items = [{"id": before["items"][0]["id"], "quantity": 1}]
    shop.api("POST", f"/admin/orders/{order}/fulfillments", {"items": items})
    option = shop.api("GET", "/admin/shipping-options")["shipping_options"][0]["id"]
    request: dict[str, Any] = {"order_id": order, "items": items, "return_shipping": {"option_id": option}}
    for body in (request, {**request, "receive_now": True}):
        assert client.refusal("POST", "/store/returns", body).startswith("Only the shop records returns")
    assert client.ordered(order)["summary"]["pending_difference"] == before["total"]


def test_nobody_opens_an_account_that_shows_anothers_orders(client: Client) -> None:
    signing_up = {"email": "ann@example.com", "password": secrets.token_hex(8)}
    for path in ("/auth/customer/emailpass/register", "/auth/customer/emailpass", "/auth/Customer/emailpass/register/"):
        assert client.refusal("POST", path, signing_up).startswith("This shop has no customer accounts")


@pytest.mark.parametrize(("quantity", "later"), [(1, 2), (2, 1)])
def test_a_payment_of_another_amount_than_its_carts_is_paid_back(
    client: Client, shop: MedusaStore, stripe: Stripe, quantity: int, later: int
) -> None:
    cart = client.cart(quantity=quantity)
    page = client.begin(cart, CARD)
    # As a change of the cart leaves it if the provider can't be reached meanwhile.
    shop.sql(f"UPDATE cart_line_item SET quantity = {later} WHERE cart_id = '{cart}'")
    stripe.pay(page, number=VISA)
    event, before = stripe.events(SUCCEEDED)[-1], len(refunded(stripe))
    assert deliver(shop, event) == 200
    wait_until(lambda: len(refunded(stripe)) > before, "it is paid back", 180)
    assert refunded(stripe)[0] == stripe.page(page)["amount_total"]
    assert client.ask("GET", f"/store/carts/{cart}", fields="+completed_at")["cart"]["completed_at"] is None


def test_two_who_pay_for_the_last_one_get_one_order_and_one_refund(
    client: Client, shop: MedusaStore, stripe: Stripe
) -> None:
    (item,) = shop.api("GET", "/admin/inventory-items", sku=client.variant("wool-scarf")["sku"])["inventory_items"]
    (level,) = shop.api("GET", f"/admin/inventory-items/{item['id']}/location-levels")["inventory_levels"]
    path = f"/admin/inventory-items/{item['id']}/location-levels/{level['location_id']}"
    shop.api("POST", path, {"stocked_quantity": 1})
    carts = [client.cart("wool-scarf") for _ in range(2)]
    pages = [client.begin(cart, CARD) for cart in carts]
    assert [stripe.pay(page, number=VISA).status_code for page in pages] == [303] * 2
    before, events = len(refunded(stripe)), stripe.events(SUCCEEDED)[-2:]
    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(lambda event: deliver(shop, event), events)] == [200] * 2
    wait_until(lambda: len(refunded(stripe)) > before, "one is paid back", 180)
    seen = [client.ask("GET", f"/store/carts/{cart}", fields="+completed_at")["cart"] for cart in carts]
    assert sum(cart["completed_at"] is not None for cart in seen) == 1


def test_an_ordered_cart_does_not_change(client: Client, stripe: Stripe) -> None:
    cart = client.cart()
    stripe.pay(client.begin(cart, CARD), number=VISA)
    order = client.order(cart)
    seen = client.ask("GET", f"/store/carts/{cart}")["cart"]
    line, before = seen["items"][0]["id"], refunded(stripe)
    for method, path, body in (
        ("POST", "/line-items", {"variant_id": client.variant()["id"], "quantity": 1}),
        ("POST", f"/line-items/{line}", {"quantity": 2}),
        ("DELETE", f"/line-items/{line}", None),
        ("POST", "/promotions", {"promo_codes": []}),
        ("POST", "/shipping-methods", {"option_id": seen["shipping_methods"][0]["shipping_option_id"]}),
        ("POST", "", {"email": "eve@example.com"}),
    ):
        assert client.refusal(method, f"/store/carts/{cart}{path}", body).endswith("is already completed.")
    assert client.order(cart) == order
    assert refunded(stripe) == before


def test_a_shopper_sets_neither_prices_nor_negative_quantities(client: Client) -> None:
    variant = client.variant()["id"]
    for item in (
        {"variant_id": variant, "quantity": -1},
        {"variant_id": variant, "quantity": 0},
        {"variant_id": variant, "quantity": 10**9},
    ):
        client.refusal("POST", "/store/carts", {"region_id": client.region, "items": [item]})
    cart = client.cart()
    free = {"variant_id": variant, "quantity": 1, "unit_price": 0}
    assert "unit_price" in client.refusal("POST", f"/store/carts/{cart}/line-items", free)


def test_a_form_of_an_earlier_total_orders_nothing(shop: MedusaStore) -> None:
    shopper = Shopper(shop)
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', shopper.to_payment()))
    # In another tab.
    variant = re.findall(r'name="variant" value="([^"]+)"', shopper.ask("GET", "/products/notebook").text)[0]
    shopper.send("/products/notebook", {"variant": variant, "quantity": "1"})
    refused = shopper.ask("POST", "/checkout/payment", {**form, "provider": INVOICE})
    assert refused.status_code == 409
    assert "Your cart has changed since this page was shown, and nothing was ordered." in refused.text
    assert shopper.orders() == []
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', refused.text))
    assert "Thank you, Ann." in shopper.ask("POST", "/checkout/payment", {**form, "provider": INVOICE}).text


def test_a_shopper_reads_that_a_part_is_paid_back(shop: MedusaStore, stripe: Stripe) -> None:
    shopper = Shopper(shop)
    stripe.pay(shopper.to_provider(), number=VISA)
    page = shopper.ask("GET", "/checkout/paid").url.removeprefix(shop.url)
    (order,) = shopper.orders()
    made = shop.api("GET", f"/admin/orders/{order['id']}", fields="*payment_collections.payments")["order"]
    payment = made["payment_collections"][0]["payments"][0]["id"]
    shop.api("POST", f"/admin/payments/{payment}/refund", {"amount": 5})
    assert "<dd>Partly paid back</dd>" in shopper.ask("GET", page).text


@pytest.mark.parametrize(("scheme", "name"), [("http", "shop"), ("https", "__Host-shop")])
def test_over_https_no_other_shop_of_the_domain_sets_the_session(shop: MedusaStore, scheme: str, name: str) -> None:
    code = (
        "import os; from storefront.app import create_app; from storefront.config import read;"
        f"url = '{scheme}://api.example.com'; app = create_app(read({{**os.environ, 'STORE_URL': url}}));"
        "print(app.test_client().get('/orders', base_url=url).headers['Set-Cookie'])"
    )
    cookie = shop.cluster.exec("Deployment", "storefront", "python3", "-c", code)
    assert cookie.startswith(f"{name}=")
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert ("Secure" in cookie) is (scheme == "https")
