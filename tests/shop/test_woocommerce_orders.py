"""A shopper buys in WooCommerce's real shop, with and without JavaScript, over plain HTTP and TLS, and its owner sees
the order, whatever happened to the store before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .life import Life
from .wordpress import NEW, OLD, RELEASES, WordPressStore

pytestmark = pytest.mark.skipif(
    not RELEASES.keys() >= {NEW, OLD},
    reason="WORDPRESS, WOOCOMMERCE, WORDPRESS_OLD and WOOCOMMERCE_OLD must name folders of unpacked releases",
)
SPEC: dict[str, Any] = {
    "hostname": "shop.example.com",
    "shop": {"title": "Corner Shop", "country": "DE", "currency": "EUR"},
    "adminEmail": "ann@example.com",
    "backup": {"schedule": "0 3 * * *", "keep": 3},
}
ADDRESS = {
    "first_name": "Ann",
    "last_name": "Müller",
    "address_1": "Lagerstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "phone": "+49 30 1234567",
    "email": "ann@example.com",
}


class WordPressLife(Life[WordPressStore]):
    """A shop with WooCommerce. Orders are identified by their number."""

    def buy(self, page: Page) -> str:
        page.goto("/")
        page.get_by_role("link", name="Stoneware mug").first.click()
        page.get_by_role("button", name="Add to cart", exact=True).click()
        page.goto("/checkout/")
        for name, text in ADDRESS.items():
            page.locator(f"#billing_{name}").fill(text)
        # With JavaScript, the page updates the order's sum, and accepts no order meanwhile.
        expect(page.locator(".blockUI")).to_have_count(0)
        page.get_by_role("button", name="Place order").click()
        page.wait_for_url(re.compile("/checkout/order-received/"))
        number = re.search(r"order-received/(\d+)", page.url)
        expect(page.get_by_text("Lagerstraße 1").first).to_be_visible()
        assert number
        return number[1]

    def shown(self, page: Page) -> set[str]:
        (job,) = self.store.cluster.containers("Job", "provision")
        page.goto("/wp-login.php")
        page.get_by_label("Username or Email Address").fill("ann@example.com")
        page.get_by_label("Password", exact=True).fill(job.env["ADMIN_PASSWORD"])
        page.get_by_role("button", name="Log In").click()
        expect(page.locator("#wpadminbar")).to_be_visible()
        page.goto("/wp-admin/admin.php?page=wc-orders")
        expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()
        shown = page.locator("a.order-view").all_text_contents()
        return {str(found[1]) for text in shown if (found := re.search(r"#(\d+) Ann Müller", text))}


@pytest.fixture(scope="module")
def life(browser: Browser) -> Iterator[WordPressLife]:
    """A store of the older version; the tests below use it one after the other."""
    with WordPressStore.temporary(version=OLD, **SPEC) as store:
        store.open()
        yield WordPressLife(store, browser)


def test_a_shop_of_the_older_version_sells(life: WordPressLife) -> None:
    life.check()


def test_it_sells_after_an_upgrade_and_keeps_its_orders(life: WordPressLife) -> None:
    life.snapshot("before")
    life.store.become(version=NEW)
    life.check()


def test_it_sells_after_a_rollback_with_the_orders_of_the_snapshot(life: WordPressLife) -> None:
    life.restore("snapshot/before", version=OLD)
    life.check()


def test_it_sells_after_a_restore_with_the_orders_of_the_backup(life: WordPressLife) -> None:
    life.back_up()
    life.order(javascript=False)
    life.restore("latest")
    life.check()


def test_it_sells_after_it_was_suspended(life: WordPressLife) -> None:
    life.store.close()
    life.store.become()
    life.check()


def test_it_sells_at_another_host_and_over_tls(life: WordPressLife) -> None:
    life.store.become(tls=True, hostname="other.example.com")
    assert life.store.url == "https://other.example.com"
    life.check()


def test_a_clone_sells_and_its_owner_signs_in_with_its_own_password(life: WordPressLife) -> None:
    with life.clone(version=OLD, name="clone", **{**SPEC, "hostname": "clone.example.com"}) as clone:
        passwords = {
            each.cluster.containers("Job", "provision")[0].env["ADMIN_PASSWORD"] for each in (clone.store, life.store)
        }
        assert len(passwords) == 2
        clone.check()
