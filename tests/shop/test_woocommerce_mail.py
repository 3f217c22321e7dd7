"""WooCommerce's own mails use the mail server that the shop is connected to, and wait while it is unavailable."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ..cluster.waiting import wait_until
from ..relay.process import relay_to
from .mailbox import MailServer, mail_server, texts
from .wordpress import NEW, RELEASES, WordPressStore

pytestmark = pytest.mark.skipif(
    NEW not in RELEASES, reason="WORDPRESS and WOOCOMMERCE must name folders of unpacked releases"
)
TITLE, OWNER = "Käse & <Brot>", "ann@example.com"
PASSWORD, NEXT_PASSWORD = "m41l-p4ss-OfTheShop", "m41l-p4ss-TheNextOne"
ADDRESS = {
    "first_name": "Ben",
    "last_name": "Müller",
    "address_1": "Lagerstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "phone": "+49 30 1234567",
}


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server(PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def shop(mail: MailServer) -> Iterator[WordPressStore]:
    """An open shop without integrations."""
    spec = {"title": TITLE, "country": "DE", "currency": "EUR"}
    with WordPressStore.temporary(hostname="mail.example.com", adminEmail=OWNER, shop=spec) as store:
        store.open()
        yield store


@pytest.fixture
def connected(shop: WordPressStore, mail: MailServer) -> WordPressStore:
    """The shop, connected to the server."""
    connect(shop, mail)
    return shop


def connect(shop: WordPressStore, mail: MailServer, **over: str) -> None:
    """Set the mail server, with its certificate authority."""
    shop.cluster.write_secret("integration-mail", {**mail.fields, "ca": mail.certificate, **over})


def order(shop: WordPressStore) -> tuple[str, str]:
    """Order; return the shopper's address, and the order's number."""
    shopper = f"{secrets.token_hex(6)}@example.com"
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": shop.ingress.url}
    api = f"{shop.url}/wp-json/wc/store/v1"
    cart = session.get(f"{api}/cart", timeout=60)
    session.headers["Cart-Token"] = cart.headers["Cart-Token"]
    products = session.get(f"{api}/products", params={"slug": "notebook"}, timeout=60).json()
    session.post(f"{api}/cart/add-item", json={"id": products[0]["id"], "quantity": 1}, timeout=60).raise_for_status()
    address = {**ADDRESS, "email": shopper}
    body = {"billing_address": address, "shipping_address": ADDRESS, "payment_method": "bacs"}
    answer = session.post(f"{api}/checkout", json=body, timeout=90)
    assert answer.ok, answer.text
    return shopper, str(answer.json()["order_id"])


def waiting(shop: WordPressStore) -> int:
    """Return how many mails wait."""
    return int(
        shop.php(r'echo $wpdb->get_var("SELECT COUNT(*) FROM wp_options WHERE option_name LIKE \"store\\_mail\\_%\"");')
    )


def work(shop: WordPressStore) -> bool:
    """Run the shop's periodic work, as its CronJob does; always return True."""
    shop.cluster.run("CronJob", "cron")
    return True


def said(mail: Any) -> str:
    return "\n".join(texts(mail))


def log(shop: WordPressStore) -> str:
    """Return the shop's log."""
    return "".join(file.read_text(errors="replace") for file in shop.cluster.area.glob("*.log"))


def test_without_a_mail_server_a_shop_sells_and_stores_no_mail(shop: WordPressStore) -> None:
    shop.cluster.write_secret("integration-mail", {})
    order(shop)
    assert shop.php('var_dump(wp_mail("a@example.com", "Subject", "Text"));') == "bool(false)"
    assert waiting(shop) == 0


def test_an_order_is_mailed_to_the_shopper_and_the_owner(connected: WordPressStore, mail: MailServer) -> None:
    shopper, number = order(connected)
    found = mail.await_mail(shopper)
    assert found["From"].addresses[0].addr_spec == mail.fields["from"]
    assert found["From"].addresses[0].display_name == TITLE
    for words in texts(found):
        assert "Notebook" in words
    assert f"#{number}" in str(mail.await_mail(OWNER, f"#{number}")["Subject"])
    assert f"{connected.url}/wp-admin/" in said(mail.await_mail(OWNER, f"#{number}"))
    assert {each["X-Encrypted"] for each in mail.mails()} == {"True"}
    assert waiting(connected) == 0


def test_the_administrator_gets_a_link_for_a_new_password(connected: WordPressStore, mail: MailServer) -> None:
    address = f"{connected.url}/wp-login.php?action=lostpassword"
    form = {"user_login": "admin", "redirect_to": "", "wp-submit": "x"}
    requests.post(address, form, proxies={"http": connected.ingress.url}, timeout=60).raise_for_status()
    text = mail.await_mail(OWNER, "Password Reset").get_content()
    (link,) = re.findall(rf"{connected.url}/wp-login\.php\?\S+key=\S+", text)
    page = requests.get(link, proxies={"http": connected.ingress.url}, timeout=60)
    assert "Save Password" in page.text


def test_an_unavailable_server_loses_no_mail_and_repeats_none(connected: WordPressStore, mail: MailServer) -> None:
    mail.stop()
    try:
        orders = [order(connected) for _ in range(2)]
        assert "was not sent, attempt 1: SMTP Error: Could not connect to SMTP host" in log(connected)
    finally:
        mail.start()
    wait_until(lambda: work(connected) and not waiting(connected), "all mails are sent", 300, interval=5)
    work(connected)
    for shopper, number in orders:
        assert len(mail.to(shopper)) == len(mail.to(OWNER, f"#{number}")) == 1


def test_a_changed_password_is_used_without_a_restart(connected: WordPressStore, mail: MailServer) -> None:
    mail.rule(NEXT_PASSWORD)
    try:
        shopper, _ = order(connected)
        assert "Could not authenticate. 535 5.7.8 Authentication credentials invalid" in log(connected)
        connect(connected, mail)
        wait_until(lambda: work(connected) and not waiting(connected), "the mails go", 300, interval=5)
        assert mail.to(shopper)
    finally:
        mail.rule(PASSWORD)
        connect(connected, mail)


def test_the_relays_hourly_limit_per_store_is_respected(connected: WordPressStore, mail: MailServer) -> None:
    connect(connected, mail, rate="0")
    shopper, number = order(connected)
    work(connected)
    assert waiting(connected) == 2
    assert mail.to(shopper) == mail.to(OWNER, f"#{number}") == []
    connect(connected, mail)
    wait_until(lambda: work(connected) and not waiting(connected), "they are sent", 300, interval=5)
    assert len(mail.to(shopper)) == 1


def kept(shop: WordPressStore, **over: Any) -> None:
    """Store a mail that is due."""
    atts = {"subject": "Kept", "message": "See http://old.example.com/x", "headers": "", "attachments": []}
    atts["to"] = over.pop("to")
    made = {"home": shop.url, "store": "corner-shop", "attempts": 1, "next": 0, "made": 4102444800, **over}
    value = json.dumps({"atts": atts, **made})
    shop.php(f"add_option('store_mail_' . wp_generate_uuid4(), json_decode('{value}', true), '', false);")


def test_a_mail_of_a_shop_that_has_moved_has_its_new_address(connected: WordPressStore, mail: MailServer) -> None:
    kept(connected, to="moved@example.com", home="http://old.example.com")
    wait_until(lambda: work(connected) and mail.to("moved@example.com"), "it comes", 300, interval=5)
    assert f"See {connected.url}/x" in mail.to("moved@example.com")[0].get_content()


def test_a_clone_does_not_send_the_mails_of_its_source(connected: WordPressStore, mail: MailServer) -> None:
    kept(connected, to="copied@example.com", store="another")
    kept(connected, to="own@example.com")
    wait_until(lambda: work(connected) and mail.to("own@example.com"), "its own comes", 300, interval=5)
    assert mail.to("copied@example.com") == []


def test_an_abandoned_mail_is_logged_and_removed(connected: WordPressStore, mail: MailServer) -> None:
    mail.rule(PASSWORD, refused=["never@example.com"])
    kept(connected, to="never@example.com", made=0)
    wait_until(lambda: work(connected) and "it is abandoned" in log(connected), "it is abandoned", 300, interval=5)
    assert "greylisted" in log(connected)
    assert (
        connected.php(r'echo $wpdb->get_var("SELECT COUNT(*) FROM wp_options WHERE option_value LIKE \"%never@%\"");')
        == "0"
    )


def test_the_check_passes_or_fails_with_the_servers_message(connected: WordPressStore, mail: MailServer) -> None:
    assert connected.check("mail") == (0, "")
    connect(connected, mail, password="m41l-p4ss-Wrong")
    try:
        assert connected.check("mail") == (2, "localhost: 535 5.7.8 Authentication credentials invalid")
    finally:
        connect(connected, mail)
    mail.stop()
    try:
        code, said = connected.check("mail")
    finally:
        mail.start()
    assert code == 1
    assert "Connection refused" in said


def test_a_shop_uses_the_relay_until_its_own_server_is_set(shop: WordPressStore, mail: MailServer) -> None:
    with relay_to(mail) as relay:
        fields = relay.fields_of("corner-shop", OWNER)
        shop.cluster.write_secret("integration-mail-relay", fields)
        shop.cluster.write_secret("integration-mail", {})
        shopper, number = order(shop)
        found = mail.await_mail(shopper)
        assert found["From"].addresses[0].addr_spec == "corner-shop@mail.example.com"
        assert found["From"].addresses[0].display_name == TITLE
        assert found["X-Encrypted"] == "True"
        mail.await_mail(OWNER, f"#{number}")
        shop.php('wp_mail("plain@example.com", "Plain", "Text");')
        assert mail.await_mail("plain@example.com")["Reply-To"].addresses[0].addr_spec == OWNER
        assert shop.check("mail") == (0, "")
        mail.stop()
        try:
            shop.php('wp_mail("later@example.com", "Later", "Text");')
            relay.await_ready(False)
            code, said = shop.check("mail")
        finally:
            mail.start()
        assert code == 1
        assert "454 4.7.0 the platform's mail server is unavailable" in said
        relay.await_ready()
        wait_until(lambda: work(shop) and mail.to("later@example.com"), "it is sent later", 300, interval=5)
        assert waiting(shop) == 0
        assert fields["password"] not in log(shop)
        connect(shop, mail)
        shopper, _ = order(shop)
        assert mail.await_mail(shopper)["From"].addresses[0].addr_spec == mail.fields["from"]
        shop.cluster.write_secret("integration-mail-relay", {})


def test_no_password_is_in_a_log_or_in_the_database(connected: WordPressStore) -> None:
    texts = [log(connected), connected.database_text()]
    assert [secret for secret in (PASSWORD, NEXT_PASSWORD) for text in texts if secret in text] == []
