"""An owner at the pages, and what they read there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

from tests.api.server import token_of
from tests.cluster.controlplane import ControlPlane

from .language import TECHNICAL
from .server import Dashboard


@contextmanager
def signed_in(browser: Browser, dashboard: Dashboard, plane: ControlPlane, **options: Any) -> Iterator[Page]:
    """A page of ann's. ``options``: her browser's, as Playwright names them."""
    with browser.new_context(base_url=dashboard.url, **options) as context:
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto("/")
        page.fill("input[name=token]", token_of(plane, "ann"))
        page.click("main button.primary")
        page.wait_for_url(f"{dashboard.url}/")
        yield page


def read(page: Page) -> str:
    """What an owner reads without opening anything; it may not be technical."""
    text = page.locator("body").inner_text()
    found = TECHNICAL.search(text)
    assert not found, f"{page.url} shows {found[0]!r} in: {text[max(0, found.start() - 100) : found.end() + 100]}"
    return text
