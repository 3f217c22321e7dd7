"""The browser fixture reports what is wrong with a page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from .browser import accessibility_faults, overflows

GOOD = """<!doctype html><html lang="en"><title>A shop</title>
<main><h1>A shop</h1><a href="/cart">Cart</a></main></html>"""


def test_an_accessible_page_has_no_faults(page: Page) -> None:
    page.set_content(GOOD)
    assert accessibility_faults(page) == []


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("image-alt", '<img src="data:,">'),
        ("color-contrast", '<p style="color: #aaa; background: #fff">faint</p>'),
        ("label", '<input name="email">'),
        ("target-size", '<button style="width: 9px; height: 9px; padding: 0">+</button><button>-</button>'),
    ],
)
def test_a_fault_is_reported_by_its_rule(page: Page, rule: str, fault: str) -> None:
    page.set_content(GOOD.replace("<a ", f"{fault}<a "))
    assert [found.partition(" ")[0] for found in accessibility_faults(page)] == [rule]


def test_a_page_wider_than_the_window_is_reported(page: Page) -> None:
    page.set_content(GOOD)
    assert not overflows(page)
    page.set_content(GOOD.replace("<a ", '<p style="width: 2000px">wide</p><a '))
    assert overflows(page)


def test_a_visitor_has_no_cookie_of_another(browser: Browser, page: Page) -> None:
    page.context.add_cookies([{"name": "cart", "value": "1", "url": "http://127.0.0.1"}])
    with browser.new_context() as other:
        assert other.cookies() == []
