"""A shopper pays by card in WooCommerce's shop, on the provider's page: there is one order for one payment."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from ..cluster.waiting import wait_until
from .stripe import DECLINED, KEYS, PAGE_HOST, SECURE, VISA, Stripe, deliver
from .wordpress import NEW, RELEASES, WordPressStore

pytestmark = pytest.mark.skipif(
    NEW not in RELEASES, reason="WORDPRESS and WOOCOMMERCE must name folders of unpacked releases"
)
CARD = "store_card"
SUCCEEDED = "payment_intent.succeeded"
ADDRESS = {
    "first_name": "Ann",
    "last_name": "Müller",
    "address_1": "Lagerstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "phone": "+49 30 1234567",
}


@pytest.fixture(scope="module")
def shop(stripe: Stripe) -> Iterator[WordPressStore]:
    """A shop whose owner has set the provider's keys after it had opened."""
    german = {"title": "Corner Shop", "country": "DE", "currency": "EUR"}
    options: dict[str, Any] = {"hostname": "card.example.com", "adminEmail": "ann@example.com", "shop": german}
    with WordPressStore.temporary(php_env={"STRIPE_API_URL": stripe.url}, **options) as store:
        store.open()
        store.cluster.write_secret("integration-payments", KEYS)
        yield store


class Shopper:
    """A browser without scripts."""

    def __init__(self, shop: WordPressStore) -> None:
        self.shop, self.session = shop, requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"http": shop.ingress.url}
        self.email = f"{secrets.token_hex(8)}@example.com"

    def get(self, address: str, **options: Any) -> requests.Response:
        """Return the page at that address of the shop."""
        return self.session.get(address.replace("&#038;", "&"), timeout=90, **options)

    def fill_cart(self, product: str = "notebook") -> None:
        """Put something into the cart."""
        page = self.get(f"{self.shop.url}/product/{product}/").text
        number = re.findall(r'name="add-to-cart" value="(\d+)"', page)[0]
        self.session.post(f"{self.shop.url}/product/{product}/", {"add-to-cart": number, "quantity": "1"}, timeout=90)

    def checkout(self) -> str:
        """Return the page with the payment methods."""
        return self.get(f"{self.shop.url}/checkout/").text

    def order(self, way: str = CARD) -> requests.Response:
        """Order; the response may lead to the provider."""
        nonce = re.findall(r'name="woocommerce-process-checkout-nonce" value="([^"]+)"', self.checkout())[0]
        form = {f"billing_{name}": text for name, text in {**ADDRESS, "email": self.email}.items()}
        form |= {
            "woocommerce-process-checkout-nonce": nonce,
            "payment_method": way,
            "woocommerce_checkout_place_order": "1",
        }
        return self.session.post(f"{self.shop.url}/checkout/", form, timeout=90, allow_redirects=False)

    def to_provider(self) -> str:
        """Go to the provider's page; return its address."""
        self.fill_cart()
        answer = self.order()
        page = answer.headers.get("Location", answer.text)
        assert page.startswith(f"https://{PAGE_HOST}/"), page
        return page


@pytest.fixture
def shopper(shop: WordPressStore) -> Shopper:
    """A new visitor with an empty cart."""
    return Shopper(shop)


def orders(shopper: Shopper) -> list[tuple[str, str]]:
    """Return the number and status of each order of theirs, newest first."""
    code = f"""foreach (wc_get_orders(array("billing_email" => "{shopper.email}")) as $order)
        echo $order->get_id(), " ", $order->get_status(), "\\n";"""
    return [(number, status) for number, status in map(str.split, shopper.shop.php(code).splitlines())]


def paid(shopper: Shopper) -> list[str]:
    """Return those of them that are paid."""
    return [number for number, status in orders(shopper) if status == "processing"]


def notes(shop: WordPressStore, number: str) -> str:
    """Return the notes of an order, newest first."""
    return shop.php(f'foreach (wc_get_order_notes(array("order_id" => {number})) as $n) echo $n->content, "\\n";')


def refund(shop: WordPressStore, number: str, amount: str = "2.50") -> str:
    """Pay back a part of an order, as its owner does; return the error's message, or "" if there is none."""
    asked = f'array("order_id" => {number}, "amount" => "{amount}", "refund_payment" => true)'
    return shop.php(f"$r = wc_create_refund({asked}); if (is_wp_error($r)) echo $r->get_error_message();")


def thanked(answer: requests.Response) -> bool:
    """Whether the shopper is thanked for an order."""
    return "/checkout/order-received/" in answer.url and "Thank you." in answer.text


def test_an_order_by_card_is_paid_in_the_administration(shopper: Shopper, stripe: Stripe) -> None:
    back = stripe.pay(shopper.to_provider(), number=VISA).headers["Location"]
    assert thanked(shopper.get(back))
    assert len(paid(shopper)) == 1
    assert stripe.events(SUCCEEDED)[-1]["data"]["object"]["amount"] == 1790


def test_a_browser_buys_by_card(browser: Browser, shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    proxy: Any = {"server": shop.ingress.url}
    with browser.new_context(proxy=proxy, base_url=shop.url) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.route(
            f"https://{PAGE_HOST}/**", lambda route: route.fulfill(body="<h1>Pay</h1>", content_type="text/html")
        )
        page.goto("/product/notebook/")
        page.get_by_role("button", name="Add to cart", exact=True).click()
        page.goto("/checkout/")
        for name, text in {**ADDRESS, "email": shopper.email}.items():
            if name != "country":
                page.locator(f"#billing_{name}").fill(text)
        page.locator(f"label[for=payment_method_{CARD}]").click()
        expect(page.get_by_text("You pay on a secure page of Stripe")).to_be_visible()
        expect(page.locator(".blockUI")).to_have_count(0)
        page.get_by_role("button", name="Place order").click()
        page.wait_for_url(f"https://{PAGE_HOST}/**")
        page.goto(stripe.pay(page.url, number=VISA).headers["Location"])
        expect(page.get_by_text("Thank you.")).to_be_visible()
        expect(page.get_by_text("Card", exact=True).first).to_be_visible()
    assert len(paid(shopper)) == 1


def test_a_failed_payment_orders_nothing_and_can_be_tried_again(shopper: Shopper, stripe: Stripe) -> None:
    page = shopper.to_provider()
    assert "declined" in stripe.pay(page, number=DECLINED).text
    assert "3-D Secure" in stripe.pay(page, number=SECURE).text
    assert "unable to authenticate" in stripe.pay(page, secure="no").text
    checkout = shopper.checkout()
    assert "Notebook" in checkout
    assert paid(shopper) == []
    stripe.pay(page, number=SECURE)
    back = stripe.pay(page, secure="yes").headers["Location"]
    assert thanked(shopper.get(back))
    assert len(paid(shopper)) == 1


def test_a_declined_card_does_not_give_the_last_one_to_another_shopper(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    scarf = "wc_get_product(get_page_by_path('wool-scarf', OBJECT, 'product')->ID)"
    shop.php(f"$p = {scarf}; $p->set_stock_quantity(1); $p->save();")
    shopper.fill_cart("wool-scarf")
    page = shopper.order().headers["Location"]
    assert "declined" in stripe.pay(page, number=DECLINED).text
    ((number, _),) = orders(shopper)
    intent = {"metadata": {"store_order": number, "store": "corner-shop"}}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.payment_failed", "data": {"object": intent}}
    assert [deliver(shop, event), deliver(shop, event)] == [200, 200]
    assert notes(shop, number).count("A payment by card was declined.") == 1
    # To the shopper and the owner, if the shop had a mail server.
    assert notes(shop, number).count('Email "Failed order" failed to send.') == 2
    other = Shopper(shop)
    other.fill_cart("wool-scarf")
    assert "woocommerce-process-checkout-nonce" not in other.checkout()
    assert thanked(shopper.get(stripe.pay(page, number=VISA).headers["Location"]))
    assert shop.php(f"echo {scarf}->get_stock_quantity();") == "0"


def test_a_shopper_who_returns_without_paying_keeps_the_cart(shopper: Shopper, stripe: Stripe) -> None:
    shopper.to_provider()
    (order,) = orders(shopper)
    key = shopper.shop.php(f"echo wc_get_order({order[0]})->get_order_key();")
    back = shopper.get(f"{shopper.shop.url}/wc-api/{CARD}/?order={order[0]}&key={key}")
    assert "Your payment has not arrived, and nothing was ordered." in back.text
    assert "Notebook" in back.text
    assert orders(shopper) == [(order[0], "pending")]


def test_concurrent_orders_give_one_page_and_one_order(shopper: Shopper) -> None:
    shopper.fill_cart()
    with ThreadPoolExecutor(2) as threads:
        answers = [*threads.map(lambda _: shopper.order(), range(2))]
    first, second = (answer.headers["Location"] for answer in answers)
    assert first == second
    assert first.startswith(f"https://{PAGE_HOST}/")
    assert len(orders(shopper)) == 1


def test_a_form_submitted_twice_at_once_is_one_order(shopper: Shopper) -> None:
    shopper.fill_cart()
    with ThreadPoolExecutor(2) as threads:
        answers = [*threads.map(lambda _: shopper.order("bacs"), range(2))]
    assert sum("Your order has been placed already." in answer.text for answer in answers) == 1
    assert [status for _, status in orders(shopper)] == ["on-hold"]


def test_the_page_of_a_changed_cart_can_not_be_paid(shopper: Shopper, stripe: Stripe) -> None:
    first = shopper.to_provider()
    shopper.fill_cart("stoneware-mug")
    second = shopper.order().headers["Location"]
    assert first != second
    assert "This page is over" in stripe.pay(first, number=VISA).text
    assert thanked(shopper.get(stripe.pay(second, number=VISA).headers["Location"]))
    assert len(paid(shopper)) == 1


@pytest.mark.parametrize("way", [CARD, "bacs"])
def test_a_payment_found_when_a_changed_cart_is_ordered_is_not_made_again(
    shopper: Shopper, stripe: Stripe, way: str
) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    ((first, _),) = orders(shopper)
    shopper.fill_cart("stoneware-mug")
    assert f"Your payment by card for order {first} has arrived." in shopper.order(way).text
    assert paid(shopper) == [first]
    # Now the shopper knows.
    assert shopper.order(way).status_code == 302


def test_repeated_and_concurrent_webhooks_pay_an_order_once(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    back = stripe.pay(shopper.to_provider(), number=VISA).headers["Location"]
    event = stripe.events(SUCCEEDED)[-1]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda _: deliver(shop, event), range(4))
        assert thanked(shopper.get(back))
        assert [*answers] == [200] * 4
    (number,) = paid(shopper)
    assert notes(shop, number).count("Payment via Card") == 1


def test_a_webhook_with_a_wrong_signature_is_rejected(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    shopper.to_provider()
    ((number, _),) = orders(shopper)
    intent = {"metadata": {"store_order": number, "store": "corner-shop"}}
    event = {"id": "evt_1", "object": "event", "type": SUCCEEDED, "data": {"object": intent}}
    assert deliver(shop, event, secret="whsec_another") == 400
    assert deliver(shop, event, age=3600) == 400
    # A false one: only Stripe's own state counts.
    assert deliver(shop, event) == 200
    assert paid(shopper) == []


def test_a_payment_whose_webhook_was_lost_gets_its_order(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    other = Shopper(shop)
    stripe.pay(other.to_provider(), number=VISA)
    ((held, _),) = orders(other)
    shop.php(f'wc_get_order({held})->update_status("on-hold");')
    shop.cluster.run("CronJob", "cron")
    assert [len(paid(each)) for each in (shopper, other)] == [1, 1]


def test_a_cancelled_order_can_not_be_paid_and_a_paid_one_not_cancelled(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    ((number, _),) = orders(shopper)
    cancel = 'wc_get_order({0})->update_status("cancelled");'
    shop.php(cancel.format(number))
    assert "This page is over" in stripe.pay(page, number=VISA).text
    other = Shopper(shop)
    stripe.pay(other.to_provider(), number=VISA)
    ((number, _),) = orders(other)
    shop.php(cancel.format(number))
    assert paid(other) == [number]


def test_an_expired_page_is_not_asked_for_again(shopper: Shopper, shop: WordPressStore) -> None:
    shopper.to_provider()
    ((number, _),) = orders(shopper)
    page = f'echo wc_get_order({number})->get_meta("_store_card_page");'
    shop.cluster.run("CronJob", "cron")
    assert shop.php(page).startswith("cs_")
    shop.php(f'wc_get_order({number})->update_status("cancelled");')
    # Each run of it does what has become due since the last one.
    wait_until(lambda: shop.cluster.run("CronJob", "cron") or not shop.php(page), "it is forgotten", 300, interval=5)


def test_a_refund_is_paid_back_to_the_card(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    shopper.get(stripe.pay(shopper.to_provider(), number=VISA).headers["Location"])
    (number,) = paid(shopper)
    assert refund(shop, number) == ""
    assert stripe.objects("refunds")[0]["amount"] == 250


def test_a_refund_whose_answer_was_lost_is_made_once(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    shopper.get(stripe.pay(shopper.to_provider(), number=VISA).headers["Location"])
    (number,) = paid(shopper)
    before = len(stripe.objects("refunds"))
    stripe.lose_answer()
    assert "Stripe: " in refund(shop, number)
    assert refund(shop, number) == ""
    assert len(stripe.objects("refunds")) == before + 1
    # Another one of the same amount.
    assert refund(shop, number) == ""
    assert len(stripe.objects("refunds")) == before + 2


def test_concurrent_refunds_are_all_paid_back(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    shopper.get(stripe.pay(shopper.to_provider(), number=VISA).headers["Location"])
    (number,) = paid(shopper)
    before = len(stripe.objects("refunds"))
    with ThreadPoolExecutor(3) as threads:
        assert [*threads.map(lambda _: refund(shop, number), range(3))] == [""] * 3
    assert [each["amount"] for each in stripe.objects("refunds")[: -before or None]] == [250] * 3
    assert shop.php(f"echo wc_get_order({number})->get_total_refunded();") == "7.5"


def test_the_page_of_an_order_that_its_owner_marks_as_paid_can_not_be_paid(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    ((number, _),) = orders(shopper)
    shop.php(f'wc_get_order({number})->update_status("processing");')
    assert "This page is over" in stripe.pay(page, number=VISA).text


def test_a_payment_beside_an_owners_mark_can_be_paid_back(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    ((number, _),) = orders(shopper)
    stripe.pay(page, number=VISA)
    shop.php(f'wc_get_order({number})->update_status("completed");')
    assert "Stripe took 1790 eur for it" in notes(shop, number)
    assert refund(shop, number, "17.90") == ""
    assert stripe.objects("refunds")[0]["amount"] == 1790


def test_an_order_without_an_email_can_be_paid(shop: WordPressStore) -> None:
    made = '$o = wc_create_order(); $o->set_payment_method("store_card"); $o->set_total(5); $o->save();'
    assert shop.php(f"{made} echo store_card_page($o->get_id());").startswith(f"https://{PAGE_HOST}/")


def test_a_page_takes_only_cards_and_the_orders_currency(shopper: Shopper, stripe: Stripe) -> None:
    page = stripe.page(shopper.to_provider())
    assert page["payment_method_types"] == ["card"]
    assert page["adaptive_pricing"]["enabled"] in (False, "false")


def test_the_page_of_an_order_paid_in_another_way_can_not_be_paid(shopper: Shopper, stripe: Stripe) -> None:
    page = shopper.to_provider()
    assert "/checkout/order-received/" in shopper.order("bacs").headers["Location"]
    assert "This page is over" in stripe.pay(page, number=VISA).text
    assert [status for _, status in orders(shopper)] == ["on-hold"]


def test_an_order_paid_by_card_is_not_ordered_in_another_way(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    stripe.pay(shopper.to_provider(), number=VISA)
    answer = shopper.order("bacs")
    assert "this order is paid already" in shopper.get(answer.headers["Location"]).text
    (number,) = paid(shopper)
    assert len(orders(shopper)) == 1
    assert shop.php(f"echo wc_get_order({number})->get_payment_method();") == CARD


def test_a_deleted_orders_page_can_not_be_paid(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    page = shopper.to_provider()
    ((number, _),) = orders(shopper)
    shop.php(f"wc_get_order({number})->delete(false);")
    assert "This page is over" in stripe.pay(page, number=VISA).text


def test_an_order_changed_while_being_paid_stays_as_its_owner_leaves_it(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    page = shopper.to_provider()
    ((number, _),) = orders(shopper)
    shop.php(f"$o = wc_get_order({number}); $o->set_total(99); $o->save();")
    back = stripe.pay(page, number=VISA).headers["Location"]
    shopper.get(back)
    assert orders(shopper) == [(number, "on-hold")]
    shop.php(f'wc_get_order({number})->update_status("cancelled");')
    shopper.get(back)
    assert orders(shopper) == [(number, "cancelled")]


def test_keys_of_another_account_keep_nobody_from_paying(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    first = shopper.to_provider()
    ((number, _),) = orders(shopper)
    shop.php(f'$o = wc_get_order({number}); $o->update_meta_data("_store_card_page", "cs_test_elsewhere"); $o->save();')
    second = shopper.order().headers["Location"]
    assert first != second
    assert thanked(shopper.get(stripe.pay(second, number=VISA).headers["Location"]))


def test_a_process_sees_what_another_one_did_with_the_order(shopper: Shopper, shop: WordPressStore) -> None:
    shopper.to_provider()
    ((number, _),) = orders(shopper)
    change = f'$wpdb->update($wpdb->prefix . "wc_orders", array("status" => "wc-processing"), array("id" => {number}));'
    seen = f"store_card_alone({number}, fn($order) => print($order->get_status()));"
    assert shop.php(f"wc_get_order({number}); {change} {seen}") == "processing"


def test_changed_keys_are_used_without_a_restart(shopper: Shopper, shop: WordPressStore, stripe: Stripe) -> None:
    shop.cluster.write_secret("integration-payments", {})
    shopper.fill_cart()
    assert CARD not in shopper.checkout()
    shop.cluster.write_secret("integration-payments", {**KEYS, "secretKey": "sk_test_TheNextOne"})
    assert CARD in shopper.checkout()
    back = stripe.pay(shopper.order().headers["Location"], number=VISA).headers["Location"]
    assert thanked(shopper.get(back))


def test_if_the_provider_is_unavailable_only_invoice_orders_work(
    shopper: Shopper, shop: WordPressStore, stripe: Stripe
) -> None:
    shopper.fill_cart()
    stripe.process.stop()
    try:
        assert "Payment by card is not possible at the moment" in shopper.order().text
        assert "/checkout/order-received/" in shopper.order("bacs").headers["Location"]
    finally:
        stripe.start()


def test_the_check_passes_or_fails_with_the_providers_message(shop: WordPressStore) -> None:
    assert shop.check("payments") == (0, "")
    shop.cluster.write_secret("integration-payments", {**KEYS, "publishableKey": "pk_live_OfAnother"})
    try:
        found = shop.check("payments")
    finally:
        shop.cluster.write_secret("integration-payments", KEYS)
    assert found == (2, "the secret key is a test key and the publishable key is a live key")


def test_no_key_is_in_a_log_or_in_the_database(shop: WordPressStore) -> None:
    texts = [file.read_text(errors="replace") for file in shop.cluster.area.glob("*.log")]
    texts.append(shop.database_text())
    keys = [KEYS["secretKey"], KEYS["webhookSecret"], "sk_test_TheNextOne"]
    assert [key for key in keys for text in texts if key in text] == []
