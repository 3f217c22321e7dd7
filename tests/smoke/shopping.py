"""A shopper without a browser: pages are fetched, links followed, forms sent."""

from __future__ import annotations

from urllib.parse import urlsplit

import mechanicalsoup
import requests

from tests.shop.shopper import ADDRESS

from .through import Through

# A product of the catalogue without the label that says why it can't be bought.
FOR_SALE = "main .card:not(:has(.tag))"


class ShopError(Exception):
    """The shop did not do what a shopper asked; the message says what it showed instead."""


class Shop:
    """A store's pages.

    :param base_url: its ingress controller's address, if ``url``'s host has no DNS record.
    """

    def __init__(self, url: str, base_url: str = "") -> None:
        self.url = url.rstrip("/")
        session = requests.Session()
        session.trust_env = False
        if base_url:
            host = str(urlsplit(url).hostname)
            for scheme in ("http", "https"):
                session.mount(f"{scheme}://{host}", Through(base_url, host))
        self._browser = mechanicalsoup.StatefulBrowser(session=session)

    def title(self) -> str:
        """Return the title of its first page.

        :raise ShopError: the response is an error.
        :raise requests.RequestException: there is no response.
        """
        self._open("/")
        return str(self._browser.page.title.string)

    def closed(self) -> str:
        """Return the ingress controller's status where no shop is open; empty if one is.

        :raise requests.RequestException: there is no response.
        """
        answer = self._browser.open(self.url, timeout=30)
        return "" if answer.ok else str(answer.status_code)

    def order(self, card: str = "") -> str:
        """Buy the first product that the front page offers; return the order's reference.

        :param card: the number of the card to pay with; by default, the first payment method is used.
        :raise ShopError: the shop refuses, or offers no payment by card.
        """
        self._open("/")
        self._follow("/products/", FOR_SALE)
        self._choose("variant")
        self._send("the product's form")
        self._follow("/checkout")
        for label, text in ADDRESS.items():
            self._form()[self._name(label)] = text
        self._send("the address")
        self._choose("option")
        self._send("the delivery")
        self._choose("provider", "Card" if card else "")
        self._send("the payment")
        if card:
            self._form()["number"] = card
            self._send("the card")
        reference = self._browser.page.select_one("dd code")
        if reference is None:
            raise ShopError(f"there is no order after the payment, but {self._seen()}")
        return str(reference.string)

    def find_order(self, reference: str) -> str:
        """Look it up as its buyer does; return its reference as the page shows it."""
        self._open("/orders")
        self._form()["reference"] = reference
        self._form()["email"] = ADDRESS["E-mail"]
        self._send("the order's form")
        found = self._browser.page.select_one("dd code")
        if found is None:
            raise ShopError(f"order {reference} is not found: {self._seen()}")
        return f"order {found.string}"

    def _open(self, path: str) -> None:
        self._check(self._browser.open(self.url + path, timeout=30))

    def _follow(self, path: str, within: str = "main") -> None:
        link = self._browser.page.select_one(f'{within} a[href*="{path}"]')
        if link is None:
            raise ShopError(f"there is no link to {path}, but {self._seen()}")
        self._check(self._browser.follow_link(link, requests_kwargs={"timeout": 30}))

    def _form(self) -> mechanicalsoup.Form:
        if self._browser.page.select_one('main form[method="post"]') is None:
            raise ShopError(f"there is no form, but {self._seen()}")
        try:
            return self._browser.form
        except AttributeError:  # none on this page is selected yet
            return self._browser.select_form('main form[method="post"]')

    def _name(self, label: str) -> str:
        """Return the name of the field with that label."""
        found = self._browser.page.find("label", string=label)
        field = found and self._browser.page.find(id=found["for"])
        if not field:
            raise ShopError(f"there is no field {label!r}, but {self._seen()}")
        return str(field["name"])

    def _choose(self, name: str, label: str = "") -> None:
        """Select the first choice with that label, if there is a choice."""
        choices = self._browser.page.select(f'main input[type="radio"][name="{name}"]:not([disabled])')
        fitting = [each for each in choices if label in each.parent.get_text()]
        if fitting:
            self._form()[name] = fitting[0]["value"]
        elif label:
            raise ShopError(f"{label} can't be chosen: {self._seen()}")

    def _send(self, what: str) -> None:
        self._form()
        self._check(self._browser.submit_selected(timeout=60), what)

    def _check(self, answer: requests.Response, what: str = "the page") -> None:
        if not answer.ok:
            raise ShopError(f"{what} was answered with {answer.status_code} by {answer.url}: {self._seen()}")

    def _seen(self) -> str:
        page = self._browser.page
        text = " ".join(page.get_text(" ").split()) if page else "nothing"
        return f"a page at {self._browser.url}: {text[:300]}"
