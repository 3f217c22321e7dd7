"""What the storefront's responses allow a browser to do, and what it accepts from one."""

from __future__ import annotations

import requests

from .medusa import MedusaStore


def answer(shop: MedusaStore, method: str, path: str, **rest: object) -> requests.Response:
    proxies = {"http": shop.ingress.url}
    return requests.request(method, shop.url + path, proxies=proxies, timeout=30, allow_redirects=False, **rest)


def test_a_page_allows_no_scripts_and_no_external_content(shop: MedusaStore) -> None:
    page = answer(shop, "GET", "/")
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert (policy["form-action"], policy["frame-ancestors"], policy["base-uri"]) == ("'self'", "'none'", "'none'")
    assert not any(inline in page.text for inline in ("<script", "<style", " style=", " onclick="))
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_the_session_cookie_is_httponly_and_samesite(shop: MedusaStore) -> None:
    cookie = answer(shop, "GET", "/products/linen-shirt").headers["Set-Cookie"]
    assert cookie.startswith("shop=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Secure" not in cookie  # this shop is served over plain HTTP


def test_a_form_without_its_token_is_rejected(shop: MedusaStore) -> None:
    for path in ("/products/linen-shirt", "/cart/lines/1", "/checkout", "/checkout/payment", "/orders"):
        refused = answer(shop, "POST", path, data={"quantity": "1"})
        assert (path, refused.status_code) == (path, 400)
        assert "This form is too old" in refused.text


def test_a_forged_session_is_ignored(shop: MedusaStore) -> None:
    cart = answer(shop, "GET", "/cart", cookies={"shop": "eyJjYXJ0IjoiY2FydF8xIn0.aaaa.bbbb"})
    assert "There is nothing in it yet." in cart.text
