"""Stripe on this machine: localstripe's API and signed events, and a hosted page for paying by card, which it lacks.

``python -m tests.shop.stripe PORT [ADDRESS PAGES]`` serves all of it; PAGES is where browsers find it.
The cards are Stripe's own test cards:
https://docs.stripe.com/testing
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from ..cluster.processes import Process, free_ports
from ..cluster.waiting import wait_until
from .store import RunningStore

PAGE_HOST = "checkout.stripe.com"
# Below localstripe's own pages, which need no key.
PAGES = "/_config/pages"
VISA, DECLINED, SECURE = "4242424242424242", "4000000000000002", "4000002760003184"
KEYS = {
    "provider": "stripe",
    "secretKey": "sk_test_OfTheShopsTests",
    "publishableKey": "pk_test_OfTheShopsTests",
    "webhookSecret": "whsec_OfTheShopsTests",
}


class Stripe:
    """Runs between ``start`` and ``stop``.

    :param area: a folder for its log.
    """

    def __init__(self, area: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.shop.stripe", str(port)]
        self.process = Process("Stripe", command, area / "stripe.log", {"PYTHONPATH": str(Path(__file__).parents[2])})

    def start(self) -> None:
        """Start it, and wait until it responds."""
        self.process.start()
        wait_until(lambda: requests.get(f"{self.url}/js.stripe.com/v3/", timeout=5).ok, "Stripe answers", 60)

    def stop(self) -> None:
        """Stop serving."""
        self.process.stop()

    def pay(self, page: str, **form: str) -> requests.Response:
        """Fill in the hosted page at that address; if it is paid, the response leads back to the shop."""
        return requests.post(self.url + urlsplit(page).path, form, allow_redirects=False, timeout=30)

    def page(self, page: str) -> dict[str, Any]:
        """Return the Checkout Session of the hosted page at that address."""
        address = f"{self.url}/v1/checkout/sessions/{page.rsplit('/', 1)[1]}"
        found: dict[str, Any] = requests.get(address, auth=(KEYS["secretKey"], ""), timeout=10).json()
        return found

    def lose_answer(self) -> None:
        """Execute the next refund without responding."""
        requests.post(f"{self.url}/_config/lose", timeout=10).raise_for_status()

    def objects(self, kind: str) -> list[Any]:
        """Return all objects of a kind, such as "refunds", newest first."""
        answer = requests.get(f"{self.url}/v1/{kind}", params={"limit": 100}, auth=(KEYS["secretKey"], ""), timeout=10)
        answer.raise_for_status()
        return list(answer.json()["data"])

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a type so far, newest last."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_config/events", timeout=10).json()
        return [each for each in found if each["type"] == kind]


def signed(event: dict[str, Any], secret: str = KEYS["webhookSecret"], age: int = 0) -> tuple[bytes, dict[str, str]]:
    """Return the body and headers of an event as Stripe sends them: https://docs.stripe.com/webhooks#verify-manually"""
    body, at = json.dumps(event).encode(), int(time.time()) - age
    signature = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return body, {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signature}"}


def deliver(shop: RunningStore, event: dict[str, Any], **how: Any) -> int:
    """Send a webhook as the provider would, through the Ingress; return the response's status."""
    body, headers = signed(event, **how)
    address = f"{shop.url}/hooks/payment/stripe_stripe"
    return requests.post(address, body, headers=headers, proxies={"http": shop.ingress.url}, timeout=60).status_code


def main(port: int, address: str = "127.0.0.1", pages_at: str = f"https://{PAGE_HOST}") -> None:
    """Serve until stopped.

    :param address: to listen on.
    :param pages_at: the origin of the hosted pages for shoppers.
    """
    from aiohttp import web
    from localstripe import resources, server

    events: list[Any] = []
    resources.Store.dump_to_disk = lambda _: None
    resources.schedule_webhook = lambda event: events.append(event._export())
    pages: dict[str, Any] = {}

    class Session(resources.StripeObject):  # type: ignore[misc]
        """https://docs.stripe.com/api/checkout/sessions/object"""

        object = "checkout.session"
        _id_prefix = "cs_test_"

        def __init__(self, **asked: Any) -> None:
            super().__init__()
            if asked.get("customer_email") == "":
                raise server.UserError(400, "Invalid email address: ")
            (item,) = asked["line_items"].values() if isinstance(asked["line_items"], dict) else asked["line_items"]
            price = item["price_data"]
            self._urls = asked["success_url"], asked["cancel_url"]
            self.amount_total, self.currency = int(price["unit_amount"]), price["currency"]
            self.metadata = asked["metadata"]
            self.payment_intent = None
            self.url = f"{pages_at}{PAGES}/{self.id}"
            self.status, self.payment_status = "open", "unpaid"
            types = asked.get("payment_method_types", ["card", "sepa_debit"])
            self.payment_method_types = list(types.values()) if isinstance(types, dict) else types
            self.adaptive_pricing = asked.get("adaptive_pricing", {"enabled": True})
            self._intent_metadata = asked["payment_intent_data"]["metadata"]
            pages[self.id] = self

        @classmethod
        def _api_expire(cls, **asked: str) -> Any:
            session = cls._api_retrieve(asked["id"])
            if session.status != "open":
                raise server.UserError(400, "only an open Checkout Session can be expired")
            session.status = "expired"
            return session

        def _pay(self, number: str) -> Any:
            """Attempt a payment by card, as a PaymentIntent."""
            card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
            method = resources.PaymentMethod._api_create(type="card", card=card)
            if method._attaching_is_declined():
                raise server.UserError(402, "Your card was declined.", {"code": "card_declined"})
            if self.payment_intent is None:
                intent = resources.PaymentIntent._api_create(
                    amount=self.amount_total, currency=self.currency, metadata=self._intent_metadata
                )
                self.payment_intent = intent.id
            intent = resources.PaymentIntent._api_retrieve(self.payment_intent)
            intent.payment_method, intent.latest_charge = method.id, None
            return intent

    resources.PaymentIntent.amount_received = property(lambda it: it.amount if it.status == "succeeded" else 0)

    def shown(session: Session, fault: str = "", secure: bool = False) -> web.Response:
        back = html.escape(session._urls[1])
        fields = (
            "<h1>3-D Secure</h1><button name=secure value=yes>Complete authentication</button>"
            "<button name=secure value=no>Fail authentication</button>"
            if secure
            else '<label>Card number <input name=number></label><button name=pay value="yes">Pay</button>'
        )
        words = f"<p role=alert>{html.escape(fault)}</p>" if fault else ""
        link = f"<a href='{back}'>Back to the shop</a>"
        text = f"<!doctype html><title>Pay</title>{words}<main><form method=post>{fields}</form></main>{link}"
        return web.Response(text=text, content_type="text/html")

    async def show(request: web.Request) -> web.Response:
        session = pages[request.match_info["id"]]
        if session.status != "open":
            return web.Response(text="<!doctype html><h1>This page is over</h1>", content_type="text/html")
        return shown(session)

    async def take(request: web.Request) -> web.Response:
        session, form = pages[request.match_info["id"]], await request.post()
        if session.status != "open":
            return await show(request)
        try:
            if "secure" in form:
                intent = resources.PaymentIntent._api_retrieve(session.payment_intent)
                success = form["secure"] == "yes"
                resources.PaymentIntent._api_authenticate(intent.id, intent.client_secret, success)
                if not success:
                    return shown(session, "We are unable to authenticate your payment method.")
            else:
                intent = session._pay(str(form["number"]))
                intent._confirm(on_failure_now=intent._report_failure)
        except server.UserError as error:
            return shown(session, error.body["error"]["message"])
        if intent.status == "requires_action":
            return shown(session, secure=True)
        session.status, session.payment_status = "complete", "paid"
        raise web.HTTPSeeOther(session._urls[0])

    async def past(_: web.Request) -> web.Response:
        return web.json_response(events)

    lost: list[bool] = []
    executed: dict[str, tuple[int, str]] = {}
    refunded: dict[str, int] = {}

    async def lose(_: web.Request) -> web.Response:
        lost.append(True)
        return web.json_response({})

    @web.middleware
    async def once(request: web.Request, handler: Any) -> Any:
        """https://docs.stripe.com/api/idempotent_requests"""
        key = request.headers.get("Idempotency-Key", "")
        if key in executed:
            status, text = executed[key]
            return web.Response(status=status, text=text, content_type="application/json")
        if request.path != "/v1/refunds" or request.method != "POST":
            response = await handler(request)
        else:
            response = await refund(request, handler)
        if key:
            executed[key] = response.status, response.text
        return response

    async def refund(request: web.Request, handler: Any) -> Any:
        intent = str((await request.post())["payment_intent"])
        if refunded.get(intent, 0) >= resources.PaymentIntent._api_retrieve(intent).amount:
            error = {"code": "charge_already_refunded", "message": "The charge has already been refunded."}
            return web.json_response({"error": error}, status=400)
        response = await handler(request)
        refunded[intent] = refunded.get(intent, 0) + json.loads(response.text).get("amount", 0)
        if lost:
            lost.clear()
            request.transport.abort()
        return response

    def answer(function: Any) -> Any:
        return server.api_extra(function, "")

    async def retrieve(request: web.Request) -> web.Response:
        return server.api_retrieve(Session, "")(request)

    sessions = "/v1/checkout/sessions"
    server.app.router.add_post(sessions, server.api_create(Session, sessions))
    server.app.router.add_get(sessions, server.api_list_all(Session, sessions))
    server.app.router.add_get(sessions + "/{id}", retrieve)
    server.app.router.add_post(sessions + "/{id}/expire", answer(Session._api_expire))
    server.app.router.add_get("/_config/events", past)
    server.app.router.add_post("/_config/lose", lose)
    server.app.middlewares.append(once)
    server.app.router.add_get(PAGES + "/{id}", show)
    server.app.router.add_post(PAGES + "/{id}", take)

    async def serve() -> None:
        runner = web.AppRunner(server.app)
        await runner.setup()
        await web.TCPSite(runner, address, port).start()
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
