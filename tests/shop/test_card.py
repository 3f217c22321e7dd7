"""A shopper pays by card on the provider's page: whatever happens, there is one order for one payment."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from ..cluster.waiting import wait_until
from .medusa import MedusaStore
from .shopper import fill_address, press, put_in_cart, visit
from .stripe import DECLINED, KEYS, PAGE_HOST, SECURE, VISA, Stripe, deliver

CARD, INVOICE = "pp_stripe_stripe", "pp_system_default"
SUCCEEDED = "payment_intent.succeeded"
ADDRESS = {
    "first_name": "Ann",
    "last_name": "Smith",
    "address_1": "Lagerstr. 1",
    "postal_code": "10115",
    "city": "Berlin",
    "country_code": "de",
}


@pytest.fixture(scope="module")
def shop(stripe: Stripe) -> Iterator[MedusaStore]:
    """A shop whose owner has set the provider's keys after it had opened."""
    area = Path(tempfile.mkdtemp(prefix="store-card-tests-"))
    area.chmod(0o755)
    german = {"country": "DE", "currency": "EUR"}
    store = MedusaStore(area, backend_env={"STRIPE_API_URL": stripe.url}, hostname="card.example.com", shop=german)
    try:
        store.open()
        store.cluster.write_secret("integration-payments", KEYS)
        yield store
    finally:
        store.close()
    shutil.rmtree(area)


class Shopper:
    """A browser without scripts. It retries if an overloaded shop's page asks for it."""

    def __init__(self, shop: MedusaStore) -> None:
        self.shop, self.session = shop, requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"http": shop.ingress.url}
        self.email = f"{secrets.token_hex(8)}@example.com"

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **options: Any) -> requests.Response:
        """Return the response, once it is not a 503."""

        def answered() -> list[requests.Response]:
            answer = self.session.request(method, self.shop.url + path, data=form, timeout=60, **options)
            return [answer] if answer.status_code != 503 else []

        (found,) = wait_until(answered, f"{method} {path} is answered", 90)
        return found

    def send(self, path: str, form: dict[str, str], **options: Any) -> requests.Response:
        """Send the form at that path."""
        (token, *_) = re.findall(r'name="csrf_token" value="([^"]+)"', self.ask("GET", path).text)
        return self.ask("POST", path, {"csrf_token": token, **form}, **options)

    def to_payment(self) -> str:
        """Go from the catalogue to the payment's page; return that page."""
        product = self.ask("GET", "/products/notebook").text
        self.send(
            "/products/notebook",
            {"variant": re.findall(r'name="variant" value="([^"]+)"', product)[0], "quantity": "1"},
        )
        self.send("/checkout", {**ADDRESS, "email": self.email})
        option = re.findall(r'name="option" value="([^"]+)"', self.ask("GET", "/checkout/delivery").text)[0]
        self.send("/checkout/delivery", {"option": option})
        return self.ask("GET", "/checkout/payment").text

    def order(self) -> str:
        """Order by card; return the address that the shopper is redirected to."""
        answer = self.send("/checkout/payment", {"provider": CARD}, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def orders(self) -> list[Any]:
        """Return all orders of theirs, as the admin shows them."""
        query = {"fields": "id,email,payment_status,total", "order": "-created_at", "limit": 100}
        return [
            each for each in self.shop.api("GET", "/admin/orders", **query)["orders"] if each["email"] == self.email
        ]

    def to_provider(self) -> str:
        """Go to the provider's page; return its address."""
        self.to_payment()
        page = self.order()
        assert page.startswith(f"https://{PAGE_HOST}/")
        return page


@pytest.fixture
def shopper(shop: MedusaStore) -> Shopper:
    """A new visitor with an empty cart."""
    return Shopper(shop)


def thanked(answer: requests.Response) -> bool:
    """Whether the shopper sees an order that is paid."""
    return "Thank you, Ann." in answer.text and "<dd>Paid</dd>" in answer.text


def test_an_order_by_card_is_paid_in_the_admin(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    assert stripe.pay(shopper.to_provider(), number=VISA).headers["Location"] == f"{shop.url}/checkout/paid"
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    (order,) = shopper.orders()
    assert order["payment_status"] == "captured"
    assert stripe.events(SUCCEEDED)[-1]["data"]["object"]["amount"] == round(order["total"] * 100)


def test_a_browser_buys_by_card(page: Page, shop: MedusaStore, stripe: Stripe) -> None:
    page.route(f"https://{PAGE_HOST}/**", lambda route: route.fulfill(body="<h1>Pay</h1>", content_type="text/html"))
    put_in_cart(page, "Notebook", "Plain")
    visit(page, "/checkout")
    fill_address(page)
    press(page, "Continue to payment")
    page.get_by_role("radio", name="Card").check()
    page.get_by_role("button", name="Order and pay").click()
    page.wait_for_url(f"https://{PAGE_HOST}/**")
    visit(page, stripe.pay(page.url, number=VISA).headers["Location"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ann.")
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()
    page.go_back()
    visit(page, "/cart")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_only_the_order_form_may_lead_to_the_provider(shopper: Shopper) -> None:
    shopper.to_payment()
    for path, targets in (
        ("/checkout/payment", f"'self' https://{PAGE_HOST}"),
        ("/checkout", "'self'"),
        ("/", "'self'"),
    ):
        policy = shopper.ask("GET", path).headers["Content-Security-Policy"]
        assert (path, f"form-action {targets}") == (path, policy[policy.index("form-action") :].split("; ")[0])


def test_a_failed_payment_orders_nothing_and_can_be_tried_again(
    shopper: Shopper, shop: MedusaStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    assert "declined" in stripe.pay(page, number=DECLINED).text
    assert "3-D Secure" in stripe.pay(page, number=SECURE).text
    assert "unable to authenticate" in stripe.pay(page, secure="no").text
    back = shopper.ask("GET", "/checkout/paid")
    assert back.status_code == 402
    assert "Your payment has not arrived, and nothing was ordered." in back.text
    assert shopper.orders() == []
    stripe.pay(page, number=SECURE)
    stripe.pay(page, secure="yes")
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    assert len(shopper.orders()) == 1


def test_a_page_that_another_one_replaced_can_not_be_paid(shopper: Shopper, stripe: Stripe) -> None:
    first, second = shopper.to_provider(), shopper.order()
    assert first != second
    assert "This page is over" in stripe.pay(first, number=VISA).text
    assert stripe.pay(second, number=VISA).status_code == 303


def test_ordering_again_after_paying_returns_the_same_order(
    shopper: Shopper, shop: MedusaStore, stripe: Stripe
) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    assert thanked(shopper.send("/checkout/payment", {"provider": CARD}))
    assert len(shopper.orders()) == 1


def test_concurrent_orders_give_one_payment_page(shopper: Shopper, stripe: Stripe) -> None:
    form = shopper.to_payment()
    (token, *_) = re.findall(r'name="csrf_token" value="([^"]+)"', form)
    data = {"csrf_token": token, "provider": CARD}
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(shopper.ask, "POST", "/checkout/payment", data, allow_redirects=False) for _ in range(3)]
    assert [answer.result().status_code for answer in answers] == [303] * 3
    pages = {answer.result().headers["Location"] for answer in answers}
    paid = [page for page in pages if stripe.pay(page, number=VISA).status_code == 303]
    assert len(paid) == 1
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    assert len(shopper.orders()) == 1


def test_a_payment_of_less_than_its_cart_costs_is_paid_back_and_orders_nothing(
    shopper: Shopper, shop: MedusaStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    # As a change of the cart leaves it if the provider can't be reached meanwhile.
    cart = f"(SELECT id FROM cart WHERE email = '{shopper.email}')"
    shop.sql(f"UPDATE cart_line_item SET quantity = 2 WHERE cart_id = {cart}")
    stripe.pay(page, number=VISA)
    assert shopper.ask("GET", "/checkout/paid").status_code == 402
    payment = stripe.page(page)["payment_intent"]

    def paid_back() -> bool:
        # Medusa pays it back and then opens another session.
        refunded = payment in [each["payment_intent"] for each in stripe.objects("refunds")]
        unpaid = "SELECT count(*) FROM payment_session JOIN cart_payment_collection USING (payment_collection_id)"
        return refunded and shop.sql(f"{unpaid} WHERE status = 'pending' AND cart_id = {cart}") == "1"

    wait_until(paid_back, "it is paid back", 180)
    assert shopper.orders() == []
    second = shopper.order()
    stripe.pay(second, number=VISA)
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    (order,) = shopper.orders()
    assert stripe.page(second)["amount_total"] == round(order["total"] * 100) > stripe.page(page)["amount_total"]


def test_a_second_session_of_an_order_does_not_pay_it_back(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    refunds = stripe.objects("refunds")
    (order,) = shopper.orders()
    made = shop.api("GET", f"/admin/orders/{order['id']}", fields="payment_collections.id")["order"]
    path = f"/store/payment-collections/{made['payment_collections'][0]['id']}/payment-sessions"
    key, *_ = shop.api("GET", "/admin/api-keys", type="publishable")["api_keys"]
    for way in (CARD, INVOICE):
        answer = requests.post(
            shop.url + path,
            json={"provider_id": way},
            headers={"x-publishable-api-key": key["token"]},
            proxies={"http": shop.ingress.url},
            timeout=60,
        )
        assert (answer.status_code, answer.json()["message"]) == (400, "This cart has been ordered or paid.")
    assert stripe.objects("refunds") == refunds
    assert [each["payment_status"] for each in shopper.orders()] == ["captured"]


def test_concurrent_webhooks_and_shopper_make_one_order(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    event = stripe.events(SUCCEEDED)[-1]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(deliver, shop, event) for _ in range(3)]
        assert thanked(shopper.ask("GET", "/checkout/paid"))
        assert [answer.result() for answer in answers] == [200] * 3
    assert len(shopper.orders()) == 1


def test_refunds_and_cancellations_are_paid_back_to_the_card(
    shopper: Shopper, shop: MedusaStore, stripe: Stripe
) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    (order,) = shopper.orders()
    fields = "*payment_collections.payments"
    made = shop.api("GET", f"/admin/orders/{order['id']}", fields=fields)["order"]
    payment = made["payment_collections"][0]["payments"][0]["id"]
    shop.api("POST", f"/admin/payments/{payment}/refund", {"amount": 5})
    assert stripe.objects("refunds")[0]["amount"] == 500
    other = Shopper(shop)
    stripe.pay(other.to_provider(), number=VISA)
    assert thanked(other.ask("GET", "/checkout/paid"))
    (order,) = other.orders()
    shop.api("POST", f"/admin/orders/{order['id']}/cancel")
    assert stripe.objects("refunds")[0]["amount"] == round(order["total"] * 100)


def test_if_the_provider_is_unreachable_only_invoice_orders_work(shopper: Shopper, stripe: Stripe) -> None:
    shopper.to_payment()
    begun = Shopper(shopper.shop)
    begun.to_provider()
    stripe.stop()
    try:
        # A page that was opened may have been paid, so no other payment method is accepted meanwhile.
        for somebody, way in ((shopper, CARD), (begun, CARD), (begun, INVOICE)):
            refused = somebody.send("/checkout/payment", {"provider": way})
            assert refused.status_code == 502
            assert "The payment provider can&#39;t be reached, and nothing was ordered." in refused.text
            assert somebody.orders() == []
        assert "Thank you, Ann." in shopper.send("/checkout/payment", {"provider": INVOICE}).text
    finally:
        stripe.start()


def test_an_owner_turns_invoice_off(shopper: Shopper, shop: MedusaStore) -> None:
    (region,) = shop.api("GET", "/admin/regions")["regions"]
    providers = f"/admin/regions/{region['id']}"
    shop.api("POST", providers, {"payment_providers": [CARD]})
    try:
        page = shopper.to_payment()
        assert (CARD in page, INVOICE in page) == (True, False)
        assert shopper.send("/checkout/payment", {"provider": INVOICE}).status_code == 422
        assert shopper.orders() == []
    finally:
        shop.api("POST", providers, {"payment_providers": [CARD, INVOICE]})


def test_repeated_webhooks_create_one_order(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    event = stripe.events(SUCCEEDED)[-1]
    assert [deliver(shop, event), deliver(shop, event)] == [200, 200]
    wait_until(shopper.orders, "the order is made", 90)
    assert deliver(shop, event) == 200
    assert thanked(shopper.ask("GET", "/checkout/payment"))
    assert len(shopper.orders()) == 1


def test_a_webhook_with_a_wrong_signature_is_rejected(shop: MedusaStore, stripe: Stripe) -> None:
    event = {"id": "evt_1", "object": "event", "type": SUCCEEDED, "data": {"object": {}}}
    assert deliver(shop, event, secret="whsec_another") == 400
    assert deliver(shop, event, age=3600) == 400


def test_a_payment_whose_webhook_was_lost_gets_its_order(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    wait_until(shopper.orders, "the order is made", 180)
    assert [each["payment_status"] for each in shopper.orders()] == ["captured"]


def test_a_payment_that_was_stored_without_its_order_gets_it(shopper: Shopper, shop: MedusaStore) -> None:
    page = shopper.to_provider().rsplit("/", 1)[1]
    # As the backend leaves it if it stops between the two.
    columns = "amount, raw_amount, currency_code, provider_id, data, payment_collection_id"
    shop.sql(
        f"INSERT INTO payment (id, payment_session_id, captured_at, {columns}) "
        f"SELECT 'pay_' || id, id, now(), {columns} FROM payment_session WHERE data->>'id' = '{page}'; "
        f"UPDATE payment_session SET status = 'authorized', authorized_at = now() WHERE data->>'id' = '{page}'"
    )
    wait_until(shopper.orders, "the order is made", 180)


def test_a_page_takes_only_cards(shopper: Shopper, stripe: Stripe) -> None:
    assert stripe.page(shopper.to_provider())["payment_method_types"] == ["card"]


def test_keys_of_another_account_keep_nobody_from_paying(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    page = shopper.to_provider().rsplit("/", 1)[1]
    moved = 'data = data || \'{"id": "cs_test_elsewhere"}\''
    shop.sql(f"UPDATE payment_session SET {moved} WHERE data->>'id' = '{page}'")
    stripe.pay(shopper.order(), number=VISA)
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    assert [each["payment_status"] for each in shopper.orders()] == ["captured"]


def test_changed_keys_are_used_without_a_restart(shopper: Shopper, shop: MedusaStore, stripe: Stripe) -> None:
    process = shop.backend.process.pid
    shop.cluster.write_secret("integration-payments", {})
    assert CARD not in shopper.to_payment()
    shop.cluster.write_secret("integration-payments", {**KEYS, "secretKey": "sk_test_TheNextOne"})
    assert CARD in shopper.ask("GET", "/checkout/payment").text
    stripe.pay(shopper.order(), number=VISA)
    assert thanked(shopper.ask("GET", "/checkout/paid"))
    assert shop.backend.process.pid == process


def test_no_key_is_in_a_log_or_in_the_database(shop: MedusaStore) -> None:
    texts = [shop.database_text(), *(file.read_text(errors="replace") for file in shop.cluster.area.glob("*.log"))]
    keys = [KEYS["secretKey"], KEYS["webhookSecret"], "sk_test_TheNextOne"]
    assert [key for key in keys for text in texts if key in text] == []
