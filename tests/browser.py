"""A browser for tests of pages: Debian's Chromium, driven by Playwright without a window, and axe-core for
accessibility.

Every test may use ``page`` and ``browser``; ``accessibility_faults`` and ``overflows`` check what a page shows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from .debian import need

# WCAG 2.2 AA and everything before it. axe-core checks the size of targets only if it is named.
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": STANDARDS},
    "rules": {"target-size": {"enabled": True}},
}


def program() -> str:
    """Return the browser's program, installing it if necessary.

    :raise PackagesMissing: it can't be installed.
    """
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        need("chromium")
    return found or str(shutil.which("chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each uses its own context or ``page``, so cookies are not shared."""
    executable = program()
    expect.set_options(timeout=30_000)  # the default timeout of expectations, for a busy machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """The context options of ``page``, as Playwright names them; a folder's conftest may override this."""
    return {}


@pytest.fixture
def page(browser: Browser, context_options: dict[str, Any]) -> Iterator[Page]:
    """An empty page of a new visitor, 1280 by 800.

    The test fails if the browser logged an error, such as a broken script or a violation of the page's
    Content-Security-Policy.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **context_options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    yield page
    context.close()
    assert errors == []


def accessibility_faults(page: Page) -> list[str]:
    """Return axe-core's findings for the page as it is shown: each with the rule and the elements.

    axe-core is a script, so a page of a visitor without JavaScript can't be checked.
    """
    page.wait_for_load_state()
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    return [f"{rule['id']} ({rule['help']}): {[node['html'] for node in rule['nodes']]}" for rule in found]


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window, so that a reader has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def _is_fault(message: ConsoleMessage) -> bool:
    # 4xx and 5xx responses of pages are ignored here: the test requested them.
    return message.type == "error" and not message.text.startswith("Failed to load resource")
