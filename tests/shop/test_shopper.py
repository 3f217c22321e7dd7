"""A shopper buys in a store that runs from its manifests, and its admin shows the order."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ..browser import accessibility_faults, overflows
from .medusa import MedusaStore
from .shopper import ADDRESS, check_out, fill_address, put_in_cart


@pytest.fixture
def page_without_scripts(browser: Browser, context_options: dict[str, Any]) -> Iterator[Page]:
    """A page of a visitor whose browser runs no JavaScript."""
    with browser.new_context(java_script_enabled=False, **context_options) as visitor:
        yield visitor.new_page()


def test_an_order_made_without_javascript_is_in_the_admin(page_without_scripts: Page, shop: MedusaStore) -> None:
    page = page_without_scripts
    put_in_cart(page, "Linen shirt", "M In stock", quantity=2)
    put_in_cart(page, "Wool scarf", "Rust")
    expect(page.get_by_role("navigation", name="Shop")).to_contain_text("3")
    reference = check_out(page, "Express")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ann.")
    expect(page.get_by_text("Total").locator("..")).to_contain_text("149,00\xa0€")
    fields = "email,total,currency_code,*shipping_address,*shipping_methods,*items"
    order = shop.api("GET", f"/admin/orders/order_{reference}", fields=fields)["order"]
    assert (order["email"], order["total"], order["currency_code"]) == ("ann@example.com", 149, "eur")
    assert order["shipping_address"]["address_1"] == ADDRESS["Street and number"]
    assert order["shipping_methods"][0]["name"] == "Express"
    assert sorted((item["variant_sku"], item["quantity"]) for item in order["items"]) == [
        ("LINEN-SHIRT-M", 2),
        ("WOOL-SCARF-RUST", 1),
    ]
    page.goto("/cart")
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_an_order_is_found_only_by_its_reference_and_e_mail(page: Page, shop: MedusaStore) -> None:
    put_in_cart(page, "Notebook", "Plain")
    reference = check_out(page)
    page.context.clear_cookies()
    page.goto("/orders")
    page.get_by_label("Order reference").fill(reference.lower())
    page.get_by_label("E-mail").fill("bob@example.com")
    page.get_by_role("button", name="Look it up").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no order with that reference and e-mail.")
    expect(page.get_by_label("Order reference")).to_have_value(reference.lower())
    page.get_by_label("E-mail").fill("Ann@example.com")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("dd code")).to_have_text(reference)


def test_an_order_can_not_be_seen_by_its_id(page: Page, shop: MedusaStore) -> None:
    put_in_cart(page, "Notebook", "Lined")
    reference = check_out(page)
    answer = page.goto(f"/orders/order_{reference}")
    assert answer is not None
    assert answer.status == 404


def test_the_title_is_the_stores(page: Page, shop: MedusaStore) -> None:
    page.goto("/")
    expect(page.get_by_role("banner").get_by_role("link").first).to_have_text("Käse & $(NAME) <Brot>")


def test_errors_are_beside_their_fields_and_input_is_kept(page: Page) -> None:
    put_in_cart(page, "Wool scarf", "Grey")
    page.get_by_role("link", name="Check out").click()
    fill_address(page, **{"E-mail": "ann at example", "Town": " "})
    expect(page).to_have_title("Not yet: Address | Käse & $(NAME) <Brot>")
    expect(page.get_by_label("E-mail")).to_have_accessible_description("Write it like name@example.com.")
    expect(page.get_by_label("Town")).to_have_accessible_description("Where do the goods go?")
    expect(page.get_by_label("E-mail")).to_have_value("ann at example")
    expect(page.get_by_label("Street and number")).to_have_value(ADDRESS["Street and number"])
    fill_address(page)
    expect(page.get_by_role("heading", level=2, name="Delivery")).to_be_visible()


def test_a_sold_out_product_can_not_be_bought_and_says_so(page: Page) -> None:
    page.goto("/products/tea-towels")
    expect(page.get_by_role("article")).to_contain_text("Sold out")
    expect(page.get_by_role("button", name="Add to cart")).to_have_count(0)


def test_more_than_the_stock_is_rejected_beside_the_quantity(page: Page) -> None:
    put_in_cart(page, "Oak serving board", quantity=10)
    page.get_by_label("Quantity of Oak serving board").fill("26")
    page.get_by_role("button", name="Update Oak serving board").click()
    described = "There are not that many left. Choose fewer."
    expect(page.get_by_label("Quantity of Oak serving board")).to_have_accessible_description(described)
    expect(page.get_by_label("Quantity of Oak serving board")).to_have_value("26")
    page.get_by_role("button", name="Remove Oak serving board").click()
    expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()


def test_a_sold_out_cart_can_not_be_ordered_and_says_why(page: Page, shop: MedusaStore) -> None:
    put_in_cart(page, "Beeswax candle")
    page.get_by_role("link", name="Check out").click()
    fill_address(page)
    page.get_by_role("button", name="Continue to payment").click()
    (item,) = shop.api("GET", "/admin/inventory-items", sku="BEESWAX-CANDLE")["inventory_items"]
    level = f"/admin/inventory-items/{item['id']}/location-levels/{item['location_levels'][0]['location_id']}"
    shop.api("POST", level, {"stocked_quantity": 0})
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("alert")).to_contain_text("Something in your cart may be sold out by now")
    shop.api("POST", level, {"stocked_quantity": 50})
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ann.")


def test_a_picture_that_the_owner_uploads_is_shown(page: Page, shop: MedusaStore) -> None:
    picture = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==")
    (file,) = shop.api("POST", "/admin/uploads", files={"files": ("mug.gif", picture, "image/gif")})["files"]
    (mug,) = shop.api("GET", "/admin/products", handle="stoneware-mug")["products"]
    shop.api("POST", f"/admin/products/{mug['id']}", {"thumbnail": file["url"]})
    page.goto("/products/stoneware-mug")
    shown = page.get_by_role("article").locator("img").first
    expect(shown).to_have_attribute("src", re.compile(f"^{shop.url}/static/"))
    expect(shown).to_have_js_property("naturalWidth", 1)


@pytest.fixture(scope="module")
def many(shop: MedusaStore) -> None:
    """Fifteen pencils in addition to the samples."""
    (profile,) = shop.api("GET", "/admin/shipping-profiles")["shipping_profiles"]
    (channel,) = shop.api("GET", "/admin/sales-channels")["sales_channels"]
    pencils = [
        {
            "title": f"Pencil {number}",
            "status": "published",
            "shipping_profile_id": profile["id"],
            "sales_channels": [{"id": channel["id"]}],
            "options": [{"title": "Kind", "values": ["one"]}],
            "variants": [
                {
                    "title": "one",
                    "options": {"Kind": "one"},
                    "manage_inventory": False,
                    "prices": [{"currency_code": "eur", "amount": 2}],
                }
            ],
        }
        for number in range(1, 16)
    ]
    shop.api("POST", "/admin/products/batch", {"create": pencils})


def test_the_catalogue_has_pages_and_each_product_is_on_one(page: Page, shop: MedusaStore, many: None) -> None:
    page.goto("/")
    seen = page.locator(".name").all_text_contents()
    expect(page.get_by_text("Page 1 of 2")).to_be_visible()
    page.get_by_role("link", name="More").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
    seen += page.locator(".name").all_text_contents()
    assert len(seen) == len(set(seen)) == shop.api("GET", "/admin/products")["count"]
    answer = page.goto("/?page=3")
    assert answer is not None
    assert answer.status == 404


def test_a_search_finds_by_name_over_pages(page: Page, many: None) -> None:
    page.goto("/")
    page.get_by_label("Search the shop").fill("pencil")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("15 products")).to_be_visible()
    page.get_by_role("link", name="More").click()
    expect(page).to_have_title("Search for “pencil”, page 2 | Käse & $(NAME) <Brot>")
    page.goto("/?q=no-such-thing")
    expect(page.get_by_text("Nothing here goes by that name.")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_every_page_is_accessible_and_fits(
    browser: Browser, context_options: dict[str, Any], width: int, scheme: Any
) -> None:
    found: dict[str, Any] = {}

    def look(page: Page, name: str, title: str = "") -> None:
        expect(page).to_have_title(re.compile(f"^{title}"))
        found[name] = [*accessibility_faults(page), *(["overflows"] if overflows(page) else [])]

    viewport: Any = {"width": width, "height": 640}
    with browser.new_context(viewport=viewport, color_scheme=scheme, **context_options) as visitor:
        page = visitor.new_page()
        for name, path in {
            "catalogue": "/",
            "nothing found": "/?q=no-such-thing",
            "product": "/products/linen-shirt",
            "sold out": "/products/tea-towels",
            "no such page": "/nothing",
            "lookup": "/orders",
            "empty cart": "/cart",
        }.items():
            page.goto(path)
            look(page, name)
        put_in_cart(page, "Stoneware mug", "Slate", quantity=99)
        look(page, "product with an error", "Not yet: Stoneware mug")
        put_in_cart(page, "Stoneware mug", "Slate")
        look(page, "cart", "Your cart")
        page.get_by_role("link", name="Check out").click()
        look(page, "address", "Address")
        fill_address(page, **{"E-mail": "nonsense", "Town": ""})
        look(page, "address with errors", "Not yet: Address")
        fill_address(page)
        look(page, "delivery", "Delivery")
        page.get_by_role("button", name="Continue to payment").click()
        look(page, "payment", "Payment")
        page.get_by_role("button", name="Order and pay").click()
        look(page, "order", "Order")
    assert found == {name: [] for name in found}
