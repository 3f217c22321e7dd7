"""A shopper's actions, by what the pages show and not by how they are built."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a caller that needs only the address needs no browser
    from playwright.sync_api import Page

ADDRESS = {
    "E-mail": "ann@example.com",
    "First name": "Ann",
    "Last name": "Müller",
    "Street and number": "Lagerstraße 1",
    "Postal code": "10115",
    "Town": "Berlin",
}


# How often to retry if the shop asks for it.
RETRIES = 30


def visit(page: Page, path: str) -> None:
    """Open a page, and retry while the shop is overloaded."""
    page.goto(path)
    _wait_for_the_shop(page)


def press(page: Page, button: str) -> None:
    """Send a form, and retry while the shop is overloaded, which keeps the input."""
    for _ in range(RETRIES):
        with page.expect_navigation():
            page.get_by_role("button", name=button).click()
        _wait_for_the_shop(page)
        if not page.get_by_text("It can't be reached right now.").is_visible():
            return
        if page.get_by_role("link", name="To the shop").is_visible():
            page.go_back()


def _wait_for_the_shop(page: Page) -> None:
    for _ in range(RETRIES):
        again = page.get_by_role("link", name="Try again")
        if not again.is_visible():
            return
        with page.expect_navigation():
            again.click()


def put_in_cart(page: Page, product: str, variant: str = "", quantity: int = 1) -> None:
    """Go from the catalogue into the cart."""
    visit(page, "/")
    page.get_by_label("Search the shop").fill(product)
    press(page, "Search")
    with page.expect_navigation():
        page.get_by_role("link", name=product).click()
    _wait_for_the_shop(page)
    if variant:
        page.get_by_role("radio", name=variant).check()
    page.get_by_label("Quantity").fill(str(quantity))
    press(page, "Add to cart")


def write_address(page: Page, **other: str) -> None:
    """Fill in the address."""
    for label, text in {**ADDRESS, **other}.items():
        page.get_by_label(label).fill(text)


def fill_address(page: Page, **other: str) -> None:
    """Fill in the address and continue."""
    write_address(page, **other)
    press(page, "Continue to delivery")


def check_out(page: Page, delivery: str = "Standard") -> str:
    """Go from the cart to an order; return its reference."""
    with page.expect_navigation():
        page.get_by_role("link", name="Check out").click()
    _wait_for_the_shop(page)
    fill_address(page)
    page.get_by_role("radio", name=delivery).check()
    press(page, "Continue to payment")
    press(page, "Order and pay")
    return str(page.locator("dd code").text_content())
