"""A shopper buys in Medusa's shop, with and without JavaScript, and its owner sees the order, whatever happened to the
store before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .life import Life
from .medusa import NEW, OLD, MedusaStore
from .shopper import check_out, put_in_cart

# The older version needs its own build of two minutes: ``tox -e shops`` includes it.
UPGRADES = "STORE_PLATFORM_UPGRADES" in os.environ
upgrades = pytest.mark.skipif(not UPGRADES, reason="STORE_PLATFORM_UPGRADES must be set: it builds another Medusa")
FIRST = OLD if UPGRADES else NEW
SPEC: dict[str, Any] = {
    "hostname": "shop.example.com",
    "shop": {"title": "Corner Shop", "country": "DE", "currency": "EUR"},
    "adminEmail": "ann@example.com",
    "backup": {"schedule": "0 3 * * *", "keep": 3},
}


class MedusaLife(Life[MedusaStore]):
    """A shop with Medusa. Orders are identified by their reference."""

    def buy(self, page: Page) -> str:
        put_in_cart(page, "Stoneware mug", "Slate")
        reference = check_out(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ann.")
        return reference

    def shown(self, page: Page) -> set[str]:
        email, password = self.store.administrator()
        page.goto("/app/login")
        page.get_by_placeholder("Email").fill(email)
        page.get_by_placeholder("Password").fill(password)
        page.get_by_role("button", name="Continue with Email").click()
        expect(page.get_by_role("heading", name="Orders")).to_be_visible()
        numbers = page.get_by_text(re.compile(r"^#\d+$"))
        expect(numbers).to_have_count(len(self.orders))
        orders = self.store.api("GET", "/admin/orders", fields="id,display_id")["orders"]
        by_number = {f"#{order['display_id']}": order["id"].removeprefix("order_") for order in orders}
        return {by_number[number] for number in numbers.all_text_contents()}


@pytest.fixture(scope="module")
def life(browser: Browser) -> Iterator[MedusaLife]:
    """A store, of the older version if there is one; the tests below use it one after the other."""
    with MedusaStore.temporary(version=FIRST, **SPEC) as store:
        store.open()
        yield MedusaLife(store, browser)


def test_a_shop_sells(life: MedusaLife) -> None:
    life.check()


@upgrades
def test_it_sells_after_an_upgrade_and_keeps_its_orders(life: MedusaLife) -> None:
    life.snapshot("before")
    life.store.become(version=NEW)
    life.check()


@upgrades
def test_it_sells_after_a_rollback_with_the_orders_of_the_snapshot(life: MedusaLife) -> None:
    life.restore("snapshot/before", version=OLD)
    life.check()


def test_it_sells_after_a_restore_with_the_orders_of_the_backup(life: MedusaLife) -> None:
    life.back_up()
    life.order(javascript=False)
    life.restore("latest")
    life.check()


def test_it_sells_after_it_was_suspended(life: MedusaLife) -> None:
    life.store.close()
    life.store.become()
    life.check()


def test_it_sells_at_another_host_and_over_tls(life: MedusaLife) -> None:
    life.store.become(tls=True, hostname="other.example.com")
    assert life.store.url == "https://other.example.com"
    life.check()


def test_a_clone_sells_and_its_owner_signs_in_with_its_own_password(life: MedusaLife) -> None:
    with life.clone(version=FIRST, name="clone", **{**SPEC, "hostname": "clone.example.com"}) as clone:
        assert clone.store.administrator()[1] != life.store.administrator()[1]
        clone.check()
