"""The storefront while its backend is unavailable, slow, or back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from ..browser import accessibility_faults
from ..cluster.waiting import wait_until
from .medusa import MedusaStore
from .shopper import ADDRESS, check_out, put_in_cart, write_address


@pytest.fixture
def backend_again(shop: MedusaStore) -> Iterator[None]:
    """Whatever a test did to the backend, it serves again afterwards."""
    yield
    if shop.backend.process.pid is None:
        shop.backend.start()
    os.killpg(shop.backend.process.pid or 0, signal.SIGCONT)
    shop.backend.await_ready()
    shop.storefront.await_ready()


def probe(shop: MedusaStore, name: str) -> bool:
    return shop.storefront.probe({**shop.storefront.spec[name], "timeoutSeconds": 30})


@pytest.mark.usefixtures("backend_again")
def test_an_unavailable_backend_is_an_error_page_and_no_cart_is_lost(page: Page, shop: MedusaStore) -> None:
    put_in_cart(page, "Canvas tote bag")
    shop.backend.process.kill()
    answer = page.goto("/cart")
    assert answer is not None
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    expect(page.get_by_role("heading", level=1)).to_have_text("The shop is taking a short break")
    assert accessibility_faults(page) == []
    assert (probe(shop, "livenessProbe"), probe(shop, "readinessProbe")) == (True, False)
    shop.backend.start()
    shop.backend.await_ready()
    wait_until(lambda: probe(shop, "readinessProbe"), "the storefront is ready again")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("link", name="Canvas tote bag")).to_be_visible()
    check_out(page)


@pytest.mark.usefixtures("backend_again")
def test_a_slow_backend_times_out_and_input_is_kept(page: Page, shop: MedusaStore) -> None:
    put_in_cart(page, "Canvas tote bag")
    page.get_by_role("link", name="Check out").click()
    os.killpg(shop.backend.process.pid or 0, signal.SIGSTOP)
    write_address(page)
    page.get_by_role("button", name="Continue to delivery").click()
    expect(page.get_by_role("alert")).to_contain_text("It can't be reached right now.")
    expect(page.get_by_label("Street and number")).to_have_value(ADDRESS["Street and number"])
    assert (probe(shop, "livenessProbe"), probe(shop, "readinessProbe")) == (True, False)
    os.killpg(shop.backend.process.pid or 0, signal.SIGCONT)
    wait_until(lambda: probe(shop, "readinessProbe"), "the storefront is ready again")
    page.get_by_role("button", name="Continue to delivery").click()
    expect(page.get_by_role("heading", level=2, name="Delivery")).to_be_visible()
