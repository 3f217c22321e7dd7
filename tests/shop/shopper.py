"""What a shopper does, by what the pages show and not by how they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever wants the address alone needs no browser
    from playwright.sync_api import Page

ADDRESS = {
    "E-mail": "ann@example.com",
    "First name": "Ann",
    "Last name": "Müller",
    "Street and number": "Lagerstraße 1",
    "Postal code": "10115",
    "Town": "Berlin",
}


def put_in_cart(page: Page, product: str, variant: str = "", quantity: int = 1) -> None:
    """From the catalogue into the cart."""
    page.goto("/")
    page.get_by_label("Search the shop").fill(product)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=product).click()
    if variant:
        page.get_by_role("radio", name=variant).check()
    page.get_by_label("Quantity").fill(str(quantity))
    page.get_by_role("button", name="Add to cart").click()


def fill_address(page: Page, **other: str) -> None:
    """Fill in the address and go on."""
    for label, text in {**ADDRESS, **other}.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Go on to delivery").click()


def check_out(page: Page, delivery: str = "Standard") -> str:
    """From the cart to an order; its reference."""
    page.get_by_role("link", name="Check out").click()
    fill_address(page)
    page.get_by_role("radio", name=delivery).check()
    page.get_by_role("button", name="Go on to payment").click()
    page.get_by_role("button", name="Order and pay").click()
    return str(page.locator("dd code").text_content())
