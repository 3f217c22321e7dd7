"""A browser for tests of pages: Debian's Chromium, driven by Playwright without a window, and axe-core's judgement.

Every test may ask for ``page`` and ``browser``; ``accessibility_faults`` and ``overflows`` judge what a page shows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from .debian import need

# WCAG 2.2 AA and all before it. axe-core leaves the size of targets out unless it is asked for by name.
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": STANDARDS},
    "rules": {"target-size": {"enabled": True}},
}


def program() -> str:
    """The browser to drive, installed if there is none.

    :raise PackagesMissing: there is none and it can't be installed.
    """
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        need("chromium")
    return found or str(shutil.which("chromium"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each takes its own context or ``page``, so no cookie of one is seen by another."""
    executable = program()
    expect.set_options(timeout=30_000)  # of all expectations that say no other; a busy machine is slow
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """What the visitor of ``page`` has beside the defaults, as Playwright names it; a folder's tests may say other."""
    return {}


@pytest.fixture
def page(browser: Browser, context_options: dict[str, Any]) -> Iterator[Page]:
    """An empty page of a new visitor, 1280 by 800. The test fails if the browser had an error to tell of it, such as
    a script that broke or what the page's own Content-Security-Policy refused."""
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
    """What axe-core finds wrong with the page as it is shown now: each the rule, and the elements it speaks of.

    It is a script itself: a page of a visitor without JavaScript can't be judged.
    """
    page.wait_for_load_state()
    found = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    return [f"{rule['id']} ({rule['help']}): {[node['html'] for node in rule['nodes']]}" for rule in found]


def overflows(page: Page) -> bool:
    """Whether the page is wider than the window, so that a reader has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def _is_fault(message: ConsoleMessage) -> bool:
    # That a page answered 4xx or 5xx is the test's own matter: it asked for it.
    return message.type == "error" and not message.text.startswith("Failed to load resource")
