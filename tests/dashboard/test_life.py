"""A store's whole life in a browser: without scripts, with them, and by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.api.server import Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import Platform

from .server import Dashboard

READY_MILLISECONDS = 90_000


class Visitor:
    """A user of the page; by mouse, or by the keyboard alone."""

    def __init__(self, page: Page, *, script: bool, keyboard: bool = False) -> None:
        self.page, self.script, self.keyboard = page, script, keyboard

    def press(self, selector: str) -> None:
        """Click a link or button."""
        if self.keyboard:
            self._reach(selector)
            self.page.keyboard.press("Enter")
            self.page.wait_for_load_state()
        else:
            self.page.click(selector)

    def write(self, selector: str, text: str) -> None:
        """Fill a field."""
        if self.keyboard:
            self._reach(selector)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)
        else:
            self.page.fill(selector, text)

    def await_state(self, word: str) -> None:
        """Wait until the page's headline is this: with scripts immediately, without them after a reload."""
        state = self.page.locator(".state-word")
        if self.script:
            expect(state).to_contain_text(word, timeout=READY_MILLISECONDS)
        else:
            wait_until(lambda: self.page.reload() and word in state.inner_text(), f"the page says {word}", 90)

    def _reach(self, selector: str) -> None:
        """Press the Tab key until the element has the focus, which must be visible."""
        target = self.page.locator(selector).first
        for _ in range(120):
            if target.evaluate("element => element === document.activeElement"):
                assert target.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector}")


@pytest.fixture(params=["no script", "script", "keyboard"])
def visitor(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visitor]:
    script = request.param != "no script"
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=script, locale="en-GB")
    context.set_default_timeout(15_000)
    page = context.new_page()
    yield Visitor(page, script=script, keyboard=request.param == "keyboard")
    context.close()


def sign_in(visitor: Visitor, dashboard: Dashboard, plane: ControlPlane) -> None:
    visitor.page.goto(dashboard.url)
    visitor.write("input[name=token]", token_of(plane, "ann"))
    visitor.press("main button.primary")
    visitor.page.wait_for_url(f"{dashboard.url}/")


def test_an_owner_opens_watches_closes_and_deletes_a_shop(
    visitor: Visitor, dashboard: Dashboard, plane: ControlPlane
) -> None:
    page, name = visitor.page, f"life-{'key' if visitor.keyboard else 'js' if visitor.script else 'plain'}"
    sign_in(visitor, dashboard, plane)
    visitor.press("a[href^='/stores/new']")
    visitor.write("input[name=name]", name)
    visitor.press("button[value=create]")
    page.wait_for_url(f"**/stores/{name}/")
    visitor.await_state("Open")
    assert page.locator("#shop-url").inner_text() == f"http://{name}.stores.localhost"

    visitor.press("form[action*=credentials] button")
    assert len(page.locator("#password").inner_text()) > 16

    page.goto(f"{dashboard.url}/stores/{name}/")
    visitor.press("details:has(form[action$=suspend]) > summary")
    visitor.press("form[action$=suspend] button")
    visitor.await_state("Closed")
    expect(page.locator("form[action$=resume] button")).to_be_visible()
    visitor.press("form[action$=resume] button")
    visitor.await_state("Open")

    expect(page.locator("form[action$=resume]")).to_have_count(0)
    visitor.press("a.danger")
    visitor.write("input[name=confirm]", "something else")
    visitor.press("main button.danger")
    expect(page.locator(".error")).to_contain_text(f"Type {name} to delete it.")
    visitor.write("input[name=confirm]", name)
    visitor.press("main button.danger")
    page.wait_for_url(f"{dashboard.url}/")
    row = page.locator(f"tr[data-store={name}]")
    if visitor.script:
        expect(row).to_have_count(0, timeout=READY_MILLISECONDS)
    else:
        wait_until(lambda: page.reload() and row.count() == 0, "the store is gone", 60)


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"locale": "en-GB"}


def test_a_change_appears_without_reloading_and_moves_nothing(
    page: Page, dashboard: Dashboard, api: Api, plane: ControlPlane, platform: Platform
) -> None:
    visitor = Visitor(page, script=True)
    api.caller("ann").create("watched")
    sign_in(visitor, dashboard, plane)
    platform.await_phase("watched", "Ready")
    expect(page.locator("tr[data-store=watched]")).to_contain_text("Open", timeout=30_000)
    page.evaluate(
        """() => {
            window.loaded = true;
            window.shift = 0;
            new PerformanceObserver(list => { for (const each of list.getEntries()) window.shift += each.value; })
                .observe({ type: "layout-shift" });
        }"""
    )
    api.caller("ann")("POST", "/stores/watched/actions/suspend")
    expect(page.locator("tr[data-store=watched]")).to_contain_text("Closed", timeout=30_000)
    assert page.evaluate("window.loaded && window.shift < 0.01")
    expect(page.locator("[aria-live=polite]#announcement")).to_have_text("watched: Closed")


def test_a_lost_connection_is_reported_and_missed_changes_appear_after_it(
    page: Page, plane: ControlPlane, platform: Platform
) -> None:
    with Api(plane) as api, Dashboard(api.url) as dashboard:
        visitor = Visitor(page, script=True)
        api.caller("ann").create("missed")
        platform.await_phase("missed", "Ready")
        sign_in(visitor, dashboard, plane)
        page.goto(f"{dashboard.url}/stores/missed/")
        expect(page.locator("#connection")).to_be_hidden()
        api.processes[0].kill()
        expect(page.locator("#connection")).to_contain_text("The connection is lost", timeout=30_000)
        platform.apply("missed", owner="ann@example.com", suspended=True)
        platform.await_phase("missed", "Suspended")
        api.start()
        visitor.await_state("Closed")
        expect(page.locator("#connection")).to_be_hidden(timeout=30_000)


@pytest.fixture
def closing(
    page: Page, dashboard: Dashboard, api: Api, plane: ControlPlane, platform: Platform
) -> Callable[..., Visitor]:
    """Sign in to a page of an open store that is closed between the page's rendering and its stream."""

    def arrange(name: str, **stream: Any) -> Visitor:
        def close(route: Route) -> None:
            api.caller("ann")("POST", f"/stores/{name}/actions/suspend")
            platform.await_phase(name, "Suspended")
            route.fulfill(**stream)

        visitor = Visitor(page, script=True)
        api.caller("ann").create(name)
        platform.await_phase(name, "Ready")
        sign_in(visitor, dashboard, plane)
        page.goto(f"{dashboard.url}/stores/new")  # which has no stream
        page.route("**/changes*", close, times=1)
        return visitor

    return arrange


def test_changes_before_the_stream_starts_are_shown(
    page: Page, dashboard: Dashboard, closing: Callable[..., Visitor]
) -> None:
    visitor = closing("before", status=503)
    page.goto(f"{dashboard.url}/stores/before/")
    expect(page.locator("#connection")).to_contain_text("The connection is lost")
    visitor.await_state("Closed")
    expect(page.locator("#connection")).to_be_hidden()


def test_a_change_that_can_not_be_shown_at_once_is_shown_later(
    page: Page, dashboard: Dashboard, closing: Callable[..., Visitor]
) -> None:
    only = 'retry: 600000\nevent: store\nid: 1\ndata: {"name": "limited"}\n\n'
    visitor = closing("limited", content_type="text/event-stream", body=only)
    limited: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.resource_type == "fetch" and not limited:
            limited.append(route.request.url)
            route.fulfill(status=429)
        else:
            route.continue_()

    page.route("**/stores/limited/", refuse_once)
    page.goto(f"{dashboard.url}/stores/limited/")
    wait_until(lambda: page.wait_for_timeout(100) or limited, "the page was asked for again")
    visitor.await_state("Closed")


def test_addresses_and_commands_can_be_copied(page: Page, dashboard: Dashboard, api: Api, plane: ControlPlane) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    api.caller("ann").create("copied")
    sign_in(Visitor(page, script=True), dashboard, plane)
    page.goto(f"{dashboard.url}/stores/copied/")
    page.click("#experts-more > summary")
    page.click("button[data-copy=kubectl]")
    expect(page.locator("button[data-copy=kubectl]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "kubectl get store copied -o yaml"


def test_hovering_shows_exact_times_in_the_readers_zone(
    browser: Browser, dashboard: Dashboard, api: Api, plane: ControlPlane
) -> None:
    api.caller("ann").create("timed")
    context = browser.new_context(timezone_id="Asia/Tokyo", locale="en-GB")
    page = context.new_page()
    sign_in(Visitor(page, script=True), dashboard, plane)
    title = page.locator("tr[data-store=timed] time").get_attribute("title") or ""
    context.close()
    assert title.endswith(("JST", "GMT+9"))
