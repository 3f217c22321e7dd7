"""The tasks of an owner who knows no Kubernetes: the text at each step, on a desktop and on a phone, with scripts and
without, and the pictures of the owner guide.

With STORE_PLATFORM_WRITE_EXPECTED=1 the pictures replace those in ``docs/pictures``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.api.server import Api
from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import API, Platform

from .owner import read, signed_in
from .server import Dashboard

ROOT = Path(__file__).parents[2]
GERMAN = ROOT / "dashboard" / "translations" / "de" / "LC_MESSAGES" / "messages.po"
PICTURES = ROOT / "docs" / "pictures"
WRITTEN = PICTURES if os.environ.get("STORE_PLATFORM_WRITE_EXPECTED") else ROOT / "build" / "screenshots" / "guide"
SHOWN = {"stores": "/", "new-shop": "/stores/new", "store": "/stores/flowers/", "needs-you": "/stores/clash/"}
WAIT = 60_000


@pytest.fixture(scope="module", autouse=True)
def stores(api: Api, platform: Platform) -> None:
    """Three shops: an open one, a closed one and one that needs attention."""
    ann = api.caller("ann")
    spec = {"plan": "medium", "hostname": "flowers.example.com", "backup": {"schedule": "0 3 * * *"}}
    ann.create("flowers", shop={"title": "Flowers & More"}, **spec)
    ann.create("toys", suspended=True, shop={"title": "Toys"})
    platform.await_phase("flowers", "Ready")
    platform.apply("clash", owner="ann@example.com", hostname="flowers.example.com")  # the API would reject it
    platform.await_phase("clash", "Failed")
    platform.await_phase("toys", "Suspended")
    # Backups run no program here, so their reports are written to the status directly.
    made = datetime.now(UTC) - timedelta(hours=9)
    at = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    usage = {"measuredAt": at, "databaseBytes": 82_000_000, "uploadsBytes": 38_000_000, "orders": 14}
    flowers = {"apiVersion": API, "kind": "Store", "metadata": {"name": "flowers"}}
    status = {"backups": [at], "backupSizes": {at: 12_500_000}, "usage": usage}
    platform.client.patch(flowers, {"status": status}, "status")


@pytest.fixture(params=[(1280, True), (375, True), (375, False)], ids=["desk", "phone", "phone-without-script"])
def owner(
    request: pytest.FixtureRequest, browser: Browser, dashboard: Dashboard, plane: ControlPlane
) -> Iterator[Page]:
    width, script = request.param
    size: ViewportSize = {"width": width, "height": 900}
    with signed_in(browser, dashboard, plane, viewport=size, java_script_enabled=script, locale="en-GB") as page:
        yield page


@pytest.mark.parametrize(
    "path", [*SHOWN.values(), "/stores/toys/", "/stores/flowers/delete", "/audit", "/stores/none/"]
)
def test_no_page_shows_an_owner_anything_technical(owner: Page, path: str) -> None:
    owner.goto(path)
    assert read(owner)


def test_german_pages_have_no_english_sentence_and_nothing_technical(
    browser: Browser, dashboard: Dashboard, plane: ControlPlane
) -> None:
    with GERMAN.open("rb") as file:
        ids = [str(message.id) for message in read_po(file, locale="de") if message.id != message.string]
    english = [text for text in ids if " " in text and "%(" not in text and len(text) > 15]
    with signed_in(browser, dashboard, plane, locale="de-DE") as page:
        for path in (*SHOWN.values(), "/stores/toys/", "/stores/flowers/delete", "/audit", "/stores/none/"):
            page.goto(path)
            shown = read(page)
            assert [text for text in english if text in shown] == [], path


def test_a_shops_page_starts_with_its_title_and_state(owner: Page) -> None:
    owner.goto("/stores/flowers/")
    text = read(owner)
    assert owner.locator("h1").inner_text() == "Flowers & More"
    words = ["Flowers & More", "Open", "Your shop is open.", "Visit shop", "Open administration", "Backups", "Address"]
    assert sorted(words, key=text.index) == words


def test_a_backup_time_is_set_and_shown_as_a_sentence(owner: Page) -> None:
    owner.goto("/stores/flowers/")
    owner.select_option("#backup-hour", "5")
    owner.click("#backups form[action$=backup] button:not(.danger)")
    owner.goto("/stores/flowers/")
    assert re.search(r"A backup is made every day at \d\d:00(?!\s?[AP]M)", read(owner))
    assert owner.locator("#backup-hour").input_value() == "5"


def test_an_address_of_another_shop_is_rejected_at_its_field_and_kept(owner: Page) -> None:
    owner.goto("/stores/toys/")
    owner.fill("#field-hostname", "flowers.example.com")
    owner.click("#address form[action$=address] button")
    expect(owner.locator("#field-hostname")).to_have_value("flowers.example.com")
    expect(owner.locator("#field-hostname")).to_have_attribute("aria-invalid", "true")
    read(owner)
    owner.reload()
    expect(owner.locator("h1")).to_have_text("Toys")


def test_an_end_date_is_set_shown_and_removed(owner: Page) -> None:
    owner.goto("/stores/toys/")
    owner.fill("#field-day", "2031-12-24")
    owner.click("#extend form button >> nth=0")
    owner.goto("/stores/toys/")
    assert "Your shop ends on 24 December 2031." in read(owner)
    owner.click("#extend form:has(input[name=day][type=hidden]) button")
    owner.goto("/stores/toys/")
    assert "Your shop has no end date." in read(owner)


def test_the_title_can_be_changed(owner: Page) -> None:
    owner.goto("/stores/toys/")
    for title in ("Toys & Games", "Toys"):
        owner.fill("#field-title", title)
        owner.click("#title form[action$=title] button")
        owner.goto("/stores/toys/")
        expect(owner.locator("h1")).to_have_text(title)


def test_how_prices_are_written_is_chosen_by_an_example_and_the_currency_is_explained(owner: Page) -> None:
    owner.goto("/stores/toys/")
    for chosen in ("¤ 1'234.56", ""):
        owner.select_option("#field-priceFormat", chosen)
        owner.click("#prices form[action$=prices] button")
        owner.goto("/stores/toys/")
        expect(owner.locator("#field-priceFormat")).to_have_value(chosen)
    assert "€ 1’234.56" in owner.locator("#field-priceFormat").inner_text().replace("\xa0", " ")  # noqa: RUF001
    owner.click("#currency > summary")
    text = read(owner)
    assert "Your shop began with the currency Euro (EUR)." in text
    assert "The currency can’t be changed on this page" in text  # noqa: RUF001
    assert "give your products and shipping options prices in it" in text


def test_an_invalid_email_is_rejected_at_its_field_and_kept(owner: Page) -> None:
    owner.goto("/stores/flowers/")
    owner.fill("#field-email", "ann@example")
    owner.click("#title form[action$=email] button")
    expect(owner.locator("#field-email")).to_have_value("ann@example")
    expect(owner.locator("#field-email")).to_have_attribute("aria-invalid", "true")
    assert "Enter a full e-mail address" in read(owner)
    assert "ask for a link on the administration’s sign-in page" in read(owner)  # noqa: RUF001


def test_the_plan_is_shown_by_what_it_provides(owner: Page) -> None:
    owner.goto("/stores/flowers/")
    assert re.search(r"up to \d+ processors, \d+ [GM]iB memory, \d+ GiB for data", read(owner))


def test_usage_and_orders_are_shown_beside_the_plan(owner: Page) -> None:
    owner.goto("/stores/flowers/")
    text = read(owner)
    assert "78.2 MiB of 20 GiB for data, 36.2 MiB of 10 GiB for uploaded files." in text
    assert "Orders in the 7 days before it: 14." in text
    assert re.search(r"The last one: 9 hours ago, 11\.9 MiB\.", text)


def test_an_expected_time_is_never_shown_after_it_has_passed(owner: Page) -> None:
    """Without scripts, the server chooses the words: see tests/unit/test_state.py."""
    owner.goto("/stores/flowers/")
    if not owner.evaluate("typeof age === 'function'"):
        pytest.skip("the page has no script")
    words = """([seconds]) => {
        const at = new Date(Date.now() + seconds * 1000).toISOString();
        const shown = document.createElement("p");
        shown.innerHTML = `<span data-overdue="It is late.">In <time datetime="${at}"></time></span>`;
        age(shown);
        return shown.textContent;
    }"""
    assert owner.evaluate(words, [150]) in ("In in 3 minutes", "In in 2 minutes")
    assert owner.evaluate(words, [-1]) == "It is late."


def test_a_new_shop_starts_with_its_title_and_lists_have_names(owner: Page) -> None:
    owner.goto("/stores/new")
    text = read(owner)
    fields = owner.locator("main form input:not([type=hidden]), main form select")
    assert fields.first.get_attribute("name") == "shop.title"
    assert "Euro (EUR)" in owner.locator("select[name='shop.currency']").inner_text()
    assert "Germany" in owner.locator("select[name='shop.country']").inner_text()
    assert "Create the shop" in text


def test_a_shop_that_needs_attention_says_what_to_do_and_links_there(owner: Page) -> None:
    owner.goto("/stores/clash/")
    text = read(owner)
    assert "Needs attention" in text
    owner.click(".state-says a")
    assert owner.url.endswith("#address")


def test_the_history_consists_of_sentences_starting_with_the_reader(owner: Page) -> None:
    owner.goto("/audit")
    owner.select_option("#store", "flowers")
    owner.click("form.filters button")
    owner.wait_for_url("**store=flowers**")
    assert "toys" not in owner.locator(".history").inner_text()
    assert re.search(r"You created flowers · \d{1,2} \w+ 20\d\d, \d\d:\d\d", read(owner))


def test_a_deletion_says_what_is_lost_and_asks_for_the_name(owner: Page) -> None:
    owner.goto("/stores/toys/delete")
    assert "All of this is deleted and can’t be recovered:" in read(owner)  # noqa: RUF001
    owner.fill("input[name=confirm]", "flowers")
    owner.click("main button.danger")
    assert "Type toys to delete it." in read(owner)


def test_the_owner_guide_shows_pictures_of_these_pages(owner: Page) -> None:
    if owner.viewport_size == {"width": 1280, "height": 900}:
        WRITTEN.mkdir(parents=True, exist_ok=True)
        for name, path in SHOWN.items():
            owner.goto(path)
            owner.screenshot(path=WRITTEN / f"{name}.png")
    guide = (ROOT / "docs" / "owners.md").read_text()
    assert sorted(re.findall(r"pictures/([\w-]+)\.png", guide)) == sorted(SHOWN)
    assert sorted(file.stem for file in PICTURES.glob("*.png")) == sorted(SHOWN)
