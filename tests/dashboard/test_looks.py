"""Take a picture of each page, in light and dark, wide and narrow; axe-core finds nothing, and nothing is cut off.

The pictures are stored below ``build/screenshots``, or in STORE_PLATFORM_SCREENSHOTS.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.api.server import Api, token_of
from tests.browser import accessibility_faults, overflows
from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import Platform

from .server import Dashboard

SCREENSHOTS = Path(os.environ.get("STORE_PLATFORM_SCREENSHOTS") or Path(__file__).parents[2] / "build" / "screenshots")

PAGES = {
    "stores": "/",
    "nothing-found": "/?text=nothing",
    "new-store": "/stores/new",
    "store": "/stores/corner-shop/",
    "failed-store": "/stores/clash/",
    "log": "/stores/corner-shop/log",
    "delete": "/stores/corner-shop/delete",
    "history": "/audit",
    "limits": "/quotas",
    "missing": "/stores/nothing/",
}


@pytest.fixture(scope="module", autouse=True)
def stores(api: Api, platform: Platform) -> None:
    """Three shops: an open one, a closed one and one that needs attention."""
    ann = api.caller("ann")
    ann.create("corner-shop", plan="medium", hostname="toys.example.com", backup={"schedule": "0 3 * * *"})
    ann.create("toys", suspended=True)
    platform.await_phase("corner-shop", "Ready")
    platform.apply("clash", owner="ann@example.com", hostname="toys.example.com")  # the API would reject it
    platform.await_phase("clash", "Failed")
    platform.await_phase("toys", "Suspended")


@pytest.fixture(
    scope="module", params=[(s, w) for s in ("light", "dark") for w in (1280, 320)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def look(
    request: pytest.FixtureRequest, browser: Browser, dashboard: Dashboard, plane: ControlPlane
) -> Iterator[tuple[str, BrowserContext]]:
    """An admin's browser in one of the four variants, signed in."""
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    page.goto(dashboard.url)
    judge(page, f"sign-in-{scheme}-{width}")
    page.fill("input[name=token]", token_of(plane, "ada"))
    page.click("main button.primary")
    page.wait_for_url(f"{dashboard.url}/")
    yield f"{scheme}-{width}", context
    context.close()


def judge(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    assert accessibility_faults(page) == []
    assert not overflows(page)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_fits(look: tuple[str, BrowserContext], dashboard: Dashboard, name: str) -> None:
    kind, context = look
    page = context.new_page()
    page.goto(dashboard.url + PAGES[name])
    judge(page, f"{name}-{kind}")
    page.close()


def test_a_form_with_errors_is_accessible_and_fits(look: tuple[str, BrowserContext], dashboard: Dashboard) -> None:
    kind, context = look
    page = context.new_page()
    page.goto(f"{dashboard.url}/stores/new")
    page.fill("input[name=name]", "Wrong Name")
    page.click("button[value=create]")
    page.wait_for_selector("[aria-invalid]")
    judge(page, f"new-store-errors-{kind}")
    page.close()


def test_touch_targets_are_large_enough(look: tuple[str, BrowserContext], dashboard: Dashboard) -> None:
    _, context = look
    page = context.new_page()
    page.goto(f"{dashboard.url}/stores/corner-shop/")
    small = """all => all.filter(each => each.offsetParent && each.getBoundingClientRect().height < 44)
        .map(each => each.outerHTML)"""
    # A radio button is pressed by its label.
    pressed = "button, .button, select, label.choice, input:not([type=hidden], [type=radio])"
    assert page.eval_on_selector_all(pressed, small) == []
    page.close()
