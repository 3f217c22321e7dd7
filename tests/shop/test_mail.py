"""A Medusa shop mails its shoppers and its owner by a mail server that may fail; no mail is lost or repeated."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from ..cluster.waiting import wait_until
from ..relay.process import relay_to
from .mailbox import MailServer, mail_server, texts
from .medusa import MedusaStore
from .stripe import KEYS
from .test_card import Shopper, deliver

TITLE = "Käse & $(NAME) <Brot>"
OWNER = "owner@example.com"
PASSWORD, NEXT_PASSWORD = "m41l-p4ss-OfTheShop", "m41l-p4ss-TheNextOne"
INVOICE = "pp_system_default"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server(PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def shop(mail: MailServer) -> Iterator[MedusaStore]:
    """A German shop that trusts the server's certificate authority, and whose owner has set no mail server yet."""
    area = Path(tempfile.mkdtemp(prefix="store-mail-tests-"))
    area.chmod(0o755)
    trusted = area / "volumes" / "empty-backend-tmp" / "authority.pem"
    trusted.parent.mkdir(parents=True)
    trusted.write_text(mail.certificate)
    store = MedusaStore(
        area,
        backend_env={"NODE_EXTRA_CA_CERTS": "/tmp/authority.pem"},
        hostname="mail.example.com",
        adminEmail=OWNER,
        shop={"country": "DE", "currency": "EUR", "title": TITLE},
    )
    try:
        store.open()
        yield store
    finally:
        store.close()
    shutil.rmtree(area)


@pytest.fixture
def connected(shop: MedusaStore, mail: MailServer) -> MedusaStore:
    """The shop, once its owner has set the mail server."""
    connect(shop, mail)
    return shop


def connect(shop: MedusaStore, mail: MailServer) -> None:
    """Set the mail server, and wait until the shop has noticed it."""
    shop.cluster.write_secret("integration-mail", mail.fields)
    wait_until(lambda: '"mail"' in shop.api("GET", "/admin/stores").__repr__().replace("'", '"'), "it is seen", 120)


def order(shop: MedusaStore) -> tuple[str, dict[str, Any]]:
    """Order on invoice; return the address and the order, as the admin shows it."""
    shopper = Shopper(shop)
    shopper.to_payment()
    shopper.send("/checkout/payment", {"provider": INVOICE})
    (made,) = shopper.orders()
    fields = "id,display_id,total,*items,*payment_collections.payments"
    return shopper.email, shop.api("GET", f"/admin/orders/{made['id']}", fields=fields)["order"]


def said(mail: EmailMessage) -> str:
    """Return everything that a mail contains, as text and as HTML."""
    return "\n".join(texts(mail))


def log(shop: MedusaStore) -> str:
    """Return the backend's log."""
    return shop.backend.log.read_text(errors="replace")


def test_events_before_the_mail_server_was_set_cause_no_mail(shop: MedusaStore, mail: MailServer) -> None:
    before, _ = order(shop)
    connect(shop, mail)
    after, _ = order(shop)
    mail.await_mail(after)
    assert mail.to(before) == []


def test_an_order_is_confirmed_in_the_shops_name_and_language(connected: MedusaStore, mail: MailServer) -> None:
    shopper, made = order(connected)
    found = mail.await_mail(shopper)
    assert found["From"].addresses[0].display_name == TITLE
    assert found["From"].addresses[0].addr_spec == mail.fields["from"]
    assert found["Subject"] == f"{TITLE}: Ihre Bestellung {made['display_id']}"
    assert {each["X-Encrypted"] for each in mail.mails()} == {"True"}
    text, page = texts(found)
    for words in (text, page):
        assert "Guten Tag Ann," in words
        assert "Notebook" in words
        assert "12,90" in words
        assert "17,90" in words
        assert made["id"].removeprefix("order_") in words
        assert f"{connected.url}/orders" in words
    assert '<html lang="de">' in page
    assert "<Brot>" not in page
    assert TITLE in text


def test_the_owner_gets_a_mail_with_a_link_to_the_order(connected: MedusaStore, mail: MailServer) -> None:
    shopper, made = order(connected)
    found = mail.await_mail(OWNER, f"Neue Bestellung {made['display_id']}:")
    assert f"{connected.url}/app/orders/{made['id']}" in said(found)
    assert shopper in said(found)


def test_a_shipment_is_announced_with_its_tracking_number(connected: MedusaStore, mail: MailServer) -> None:
    shopper, made = order(connected)
    items = [{"id": each["id"], "quantity": each["quantity"]} for each in made["items"]]
    path = f"/admin/orders/{made['id']}/fulfillments"
    with_parcels = connected.api("POST", path, {"items": items}, fields="*fulfillments")["order"]
    parcel = with_parcels["fulfillments"][0]["id"]
    label = {"tracking_number": "JD0123", "tracking_url": "https://dhl.example/JD0123", "label_url": "#"}
    connected.api("POST", f"{path}/{parcel}/shipments", {"items": items, "labels": [label]})
    found = mail.await_mail(shopper, "ist unterwegs")
    assert "JD0123" in texts(found)[0]
    assert 'href="https://dhl.example/JD0123"' in texts(found)[1]


def test_a_refund_and_a_cancellation_are_reported(connected: MedusaStore, mail: MailServer) -> None:
    shopper, made = order(connected)
    payment = made["payment_collections"][0]["payments"][0]["id"]
    connected.api("POST", f"/admin/payments/{payment}/capture", {})
    connected.api("POST", f"/admin/payments/{payment}/refund", {"amount": 5})
    assert "5,00" in said(mail.await_mail(shopper, "Erstattung"))
    other, made = order(connected)
    connected.api("POST", f"/admin/orders/{made['id']}/cancel")
    mail.await_mail(other, "wurde storniert")


def test_an_administrator_sets_a_new_password_by_a_link(connected: MedusaStore, mail: MailServer) -> None:
    for asked in (OWNER, "nobody@example.com"):
        body = {"identifier": asked}
        via(connected, "POST", "/auth/user/emailpass/reset-password", body)
    found = mail.await_mail(OWNER, "Neues Passwort")
    (token,) = set(re.findall(rf"{connected.url}/app/reset-password\?token=([\w.%-]+)", said(found)))
    old = connected.administrator()[1]
    assert via(connected, "POST", "/auth/user/emailpass/update", {"password": "a-new-one"}, token).ok
    assert via(connected, "POST", "/auth/user/emailpass", {"email": OWNER, "password": "a-new-one"}).ok
    assert not via(connected, "POST", "/auth/user/emailpass", {"email": OWNER, "password": old}).ok
    assert token not in connected.database_text()
    assert mail.to("nobody@example.com") == []


def via(shop: MedusaStore, method: str, path: str, body: Any, token: str = "") -> requests.Response:
    """Call the shop through the Ingress."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address, proxies = shop.url + path, {"http": shop.ingress.url}
    return requests.request(method, address, json=body, headers=headers, proxies=proxies, timeout=60)


def failed(payment: str, metadata: dict[str, str]) -> dict[str, Any]:
    """Return the event of a card that was declined."""
    intent = {
        "id": payment,
        "object": "payment_intent",
        "amount": 1790,
        "currency": "eur",
        "last_payment_error": {"message": "Your card was declined."},
        "metadata": metadata,
    }
    return {"id": "evt_1", "object": "event", "type": "payment_intent.payment_failed", "data": {"object": intent}}


def test_the_owner_is_mailed_once_about_a_failed_payment(connected: MedusaStore, mail: MailServer) -> None:
    connected.cluster.write_secret("integration-payments", KEYS)
    order(connected)
    session = connected.sql("SELECT id FROM payment_session LIMIT 1")
    event = failed("pi_1", {"session_id": session})
    assert [deliver(connected, event), deliver(connected, event)] == [200, 200]
    found = mail.await_mail(OWNER, "Zahlung ist fehlgeschlagen")
    assert "17,90" in said(found)
    assert "Your card was declined." in said(found)
    shopper, _ = order(connected)
    mail.await_mail(shopper)
    assert len(mail.to(OWNER, "Zahlung ist fehlgeschlagen")) == 1


def test_a_failed_payment_of_another_shop_is_mailed_to_nobody(connected: MedusaStore, mail: MailServer) -> None:
    connected.cluster.write_secret("integration-payments", KEYS)
    for metadata in ({}, {"session_id": "payses_OfAnotherShop"}, {"store_order": "12", "store": "another"}):
        assert deliver(connected, failed("pi_another", metadata)) == 200
    assert connected.sql("SELECT count(*) FROM notification WHERE data->>'payment' = 'pi_another'") == "0"


def test_an_unavailable_server_loses_no_mail_and_repeats_none(connected: MedusaStore, mail: MailServer) -> None:
    mail.stop()
    try:
        orders = [order(connected) for _ in range(3)]
        wait_until(lambda: "takes no mails" in log(connected), "it is reported", 120)
    finally:
        mail.start()
    for shopper, made in orders:
        mail.await_mail(shopper)
        mail.await_mail(OWNER, f"Neue Bestellung {made['display_id']}:")
    last, _ = order(connected)
    mail.await_mail(last)
    assert [len(mail.to(shopper)) for shopper, _ in orders] == [1, 1, 1]


def test_a_mail_deferred_by_the_server_is_sent_later_and_delays_no_other(
    connected: MedusaStore, mail: MailServer
) -> None:
    shopper = Shopper(connected)
    mail.rule(PASSWORD, refused=[shopper.email])
    shopper.to_payment()
    shopper.send("/checkout/payment", {"provider": INVOICE})
    wait_until(lambda: "greylisted" in log(connected), "the server's words are logged", 120)
    other, _ = order(connected)
    mail.await_mail(other)
    mail.rule(PASSWORD)
    mail.await_mail(shopper.email)


def test_a_changed_password_is_used_without_a_restart(connected: MedusaStore, mail: MailServer) -> None:
    process = connected.backend.process.pid
    mail.rule(NEXT_PASSWORD)
    try:
        shopper, _ = order(connected)
        wait_until(lambda: "authentication credentials invalid" in log(connected).lower(), "it is reported", 120)
        connected.cluster.write_secret("integration-mail", mail.fields)
        mail.await_mail(shopper)
    finally:
        mail.rule(PASSWORD)
        connected.cluster.write_secret("integration-mail", mail.fields)
    assert connected.backend.process.pid == process


def test_the_check_passes_or_fails_with_the_servers_message(connected: MedusaStore, mail: MailServer) -> None:
    check = "export TERMINATION_MESSAGE=/tmp/said; ./store-medusa check mail"
    connected.cluster.exec("Deployment", "backend", "sh", "-c", check)
    wrong = {**mail.fields, "password": "m41l-p4ss-Wrong"}
    connected.cluster.write_secret("integration-mail", wrong)
    try:
        with pytest.raises(subprocess.CalledProcessError) as failure:
            connected.cluster.exec("Deployment", "backend", "sh", "-c", check)
    finally:
        connected.cluster.write_secret("integration-mail", mail.fields)
    assert failure.value.returncode == 2
    words = connected.cluster.exec("Deployment", "backend", "cat", "/tmp/said")
    assert words == "localhost: 535 5.7.8 Authentication credentials invalid"
    assert "m41l-p4ss-Wrong" not in failure.value.stderr


def test_a_price_in_a_mail_is_written_as_the_store_says(connected: MedusaStore) -> None:
    script = """
      process.env.SHOP_PRICE_FORMAT = process.argv[1]
      const { price } = require("./src/mail/words.js")
      console.log(JSON.stringify([price(-1234567.8, "eur"), price(12345, "jpy")]))
    """

    def written(price_format: str) -> list[str]:
        return list(json.loads(connected.cluster.exec("Deployment", "backend", "node", "-e", script, price_format)))

    assert written("¤ 1'234.56") == ["-€\xa01\u2019234\u2019567.80", "¥\xa012\u2019345"]
    assert written("1 234,56 ¤") == ["-1\xa0234\xa0567,80\xa0€", "12\xa0345\xa0¥"]


def test_mails_are_english_where_german_is_not_common(connected: MedusaStore) -> None:
    script = """
      process.env.SHOP_COUNTRY = process.argv[1]
      const { words, price } = require("./src/mail/words.js")
      console.log(JSON.stringify([Object.keys(words()), words()["order-placed"].subject("7"), price(1234.5, "eur")]))
    """

    def spoken(country: str) -> list[Any]:
        return list(json.loads(connected.cluster.exec("Deployment", "backend", "node", "-e", script, country)))

    english, german = spoken("US"), spoken("at")
    assert english[1:] == ["Your order 7", "€1,234.50"]
    assert german[1] == "Ihre Bestellung 7"
    assert english[0] == german[0]


def restarted(shop: MedusaStore, **env: str) -> None:
    """Kill the backend as a failing node would, and start it with another environment."""
    shop.backend.process.kill()
    (medusa,) = shop.cluster.find("Deployment", "backend")["spec"]["template"]["spec"]["containers"]
    medusa["env"] = [{**each, "value": env[each["name"]]} if each["name"] in env else each for each in medusa["env"]]
    shop.backend = shop.cluster.start("Deployment", "backend")


def test_a_waiting_mail_survives_a_restart_and_links_to_the_shops_new_host(
    connected: MedusaStore, mail: MailServer
) -> None:
    mail.stop()
    try:
        shopper, _ = order(connected)
        restarted(connected, STORE_CORS="http://moved.example.com")
    finally:
        mail.start()
    try:
        found = mail.await_mail(shopper, timeout=400)
    finally:
        restarted(connected, STORE_CORS=connected.url)
    assert "http://moved.example.com/orders" in said(found)
    assert connected.url not in said(found)


def test_a_clone_does_not_send_the_mails_of_its_source(connected: MedusaStore, mail: MailServer) -> None:
    mail.stop()
    try:
        first, _ = order(connected)
        restarted(connected, STORE_NAME="copy")
    finally:
        mail.start()
    try:
        connect(connected, mail)
        copied, _ = order(connected)
        mail.await_mail(copied)
        assert mail.to(first) == []
    finally:
        restarted(connected, STORE_NAME="corner-shop")


def test_a_shop_uses_the_relay_until_its_own_server_is_set(shop: MedusaStore, mail: MailServer) -> None:
    process = shop.backend.process.pid
    with relay_to(mail) as relay:
        shop.cluster.write_secret("integration-mail-relay", relay.fields_of("corner-shop", OWNER))
        shop.cluster.write_secret("integration-mail", {})
        shopper, made = order(shop)
        found = mail.await_mail(shopper)
        assert found["From"].addresses[0].addr_spec == "corner-shop@mail.example.com"
        assert found["From"].addresses[0].display_name == TITLE
        assert found["Reply-To"].addresses[0].addr_spec == OWNER
        assert found["X-Encrypted"] == "True"
        assert "(store corner-shop)" in found["Received"]
        mail.await_mail(OWNER, f"Neue Bestellung {made['display_id']}:")
        shop.cluster.exec("Deployment", "backend", "./store-medusa", "check", "mail")
        connect(shop, mail)
        shopper, _ = order(shop)
        assert mail.await_mail(shopper)["From"].addresses[0].addr_spec == mail.fields["from"]
        password = relay.fields_of("corner-shop", OWNER)["password"]
        assert password not in shop.database_text() + log(shop)
        shop.cluster.write_secret("integration-mail-relay", {})
    assert shop.backend.process.pid == process


def test_no_password_is_in_a_log_or_in_the_database(shop: MedusaStore) -> None:
    texts = [shop.database_text(), *(file.read_text(errors="replace") for file in shop.cluster.area.glob("*.log"))]
    assert [secret for secret in (PASSWORD, NEXT_PASSWORD) for text in texts if secret in text] == []
