"""A shop's page in each state of a shop: what an owner reads and can do, in both languages, also on a phone.

The hooks are stopped, so that a state lasts as long as it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.api.server import Api
from tests.browser import overflows
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API, Platform

from .owner import read, signed_in
from .server import Dashboard

BEGUN, LATER = "2030-01-01T00:00:00Z", "2030-01-01T00:10:00Z"
NIGHTLY = {"schedule": "0 3 * * *"}
RUNNING = {"running": "2.21.2", "target": "2.21.2", "since": BEGUN}
RECORD = (
    "shop.ann.example is not served until its owner has proven it: set the TXT record _store-platform.shop.ann.example "
    f"to store-platform={'0123456789abcdef' * 3}"
)
REFUSED = "Job payments-check-1 failed: x (pod c-1, container check: exit code 2 (Error): Stripe: Invalid key); set it"


class State(NamedTuple):
    """``facts``: conditions that are not True, by type: reason and message, or that they are True. ``reads``: what the
    page says. ``enters``: whether it leads into the shop."""

    phase: str
    facts: Mapping[str, tuple[str, str] | bool]
    reads: tuple[str, ...]
    enters: bool = True
    spec: Mapping[str, Any] = {}
    status: Mapping[str, Any] = {"release": RUNNING}


STATES = {
    "unseen": State("", {}, ("Waiting", "Your shop will be created in a moment."), False, status={}),
    "being-made": State(
        "Provisioning",
        {"DatabaseReady": True, "BackendReady": ("PodsNotReady", "Deployment backend: 0 of 1 pods are ready")},
        ("Being created", "Step 2 of 2", "There is nothing for you to do."),
        enters=False,
        status={"release": {"target": "2.21.2", "since": BEGUN}},
    ),
    "upgrading": State(
        "Upgrading",
        {"Migrated": ("JobRunning", "Job migrate-1 is running")},
        ("Upgrading", "Your shop is being changed to another version.", "Step 1 of 1"),
    ),
    "opening": State(
        "Degraded",
        {"BackendReady": ("PodsNotReady", "Deployment backend: 0 of 1 pods are ready")},
        ("Opening", "Your shop is opening.", "There is nothing for you to do."),
        status={"release": {**RUNNING, "since": LATER}},
    ),
    "restoring": State(
        "Degraded",
        {"Restored": ("JobRunning", "Job restore-1 is running")},
        ("Being restored", "Your shop gets its data from a backup."),
    ),
    "being-changed": State(
        "Degraded",
        {"DatabaseReady": ("Updating", "StatefulSet database")},
        ("Being changed", "Your shop is being changed."),
    ),
    "crashing": State(
        "Degraded",
        {"BackendReady": ("CrashLoop", "pod backend-1, container backend: exit code 1 (Error)")},
        ("Not fully working", "Something in it keeps failing. Choose the previous version"),
    ),
    "failed": State(
        "Failed",
        {"BackendReady": ("ChildRefused", "Deployment backend is refused by the webhook")},
        ("Needs attention", "Ask your platform team, and send them the details for experts"),
    ),
    "closed": State(
        "Suspended",
        {"DatabaseReady": ("Suspended", "")},
        ("Closed", "You can open it again at any time.", "The shop’s address is http://closed.example.com."),  # noqa: RUF001
        enters=False,
        spec={"suspended": True},
    ),
    "ended": State(
        "Suspended",
        {"DatabaseReady": ("Expired", "")},
        ("Closed", "It is deleted with its data unless you choose a later end date.", "8 January 2031"),
        enters=False,
        spec={"expiresAt": "2031-01-01T00:00:00Z"},
        status={"release": RUNNING, "deletesAt": "2031-01-08T00:00:00Z"},
    ),
    "being-deleted": State(
        "Terminating",
        {"Terminating": True},
        ("Being deleted", "There is nothing you can change here."),
        enters=False,
    ),
    "proving": State(
        "Ready",
        {"HostnameVerified": ("HostnameUnverified", RECORD)},
        ("Open", "Its new address has to be confirmed", "_store-platform.shop.ann.example", "store-platform=0123"),
    ),
    "refused-keys": State(
        "Ready",
        {"PaymentsReady": ("JobFailed", REFUSED), "MailReady": ("JobRunning", "Job mail-check-1 is running")},
        ("Open", "The provider does not accept this: “Stripe: Invalid key”", "The provider is asked whether"),
        status={
            "release": RUNNING,
            "integrations": {
                name: {"provider": provider, "setAt": BEGUN, "revision": "1", "fields": {}}
                for name, provider in (("payments", "stripe"), ("mail", "smtp"))
            },
        },
    ),
    "without-last-backup": State(
        "Ready",
        {"BackupFailed": True},
        ("Open", "The last backup could not be made.", "There is none yet.", "measures how much of it is in use."),
        spec={"backup": NIGHTLY},
    ),
    "backed-up-weekly": State(
        "Ready",
        {},
        ("Backups are made at other times, which", "Orders in the 7 days before the last backup: 3."),
        spec={"backup": {"schedule": "30 3 * * 1"}},
        status={"release": RUNNING, "backups": [BEGUN], "usage": {"measuredAt": BEGUN, "orders": 3}},
    ),
}


def condition(kind: str, fact: tuple[str, str] | bool) -> dict[str, str]:
    reason, message = ("AsDesired", "") if isinstance(fact, bool) else fact
    status = "True" if fact is True else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": BEGUN}


@pytest.fixture(scope="module", autouse=True)
def shops(api: Api, platform: Platform) -> None:
    """One in each state."""
    platform.hooks.stop()
    ann, ada = api.caller("ann"), api.caller("ada")
    assert ada("PUT", "/quotas/ann@example.com", {"maxStores": len(STATES)}).ok
    for name, (phase, facts, _, _, spec, status) in STATES.items():
        assert ann.create(name, **spec).ok
        if not phase:
            continue
        ready = (
            True if phase == "Ready" else next((each for each in facts.values() if each is not True), ("Deleting", ""))
        )
        conditions = [condition(kind, fact) for kind, fact in {**facts, "Ready": ready}.items()]
        url = f"http://{name}.example.com"
        seen = {"phase": phase, "engine": "medusa", "url": url, "adminURL": f"{url}/app", "conditions": conditions}
        store = {"apiVersion": API, "kind": "Store", "metadata": {"name": name}}
        platform.client.patch(store, {"status": {**seen, **status}}, "status")
        wait_until(lambda n=name, p=phase: ann.get(f"/stores/{n}")["phase"] == p, f"the API knows {name}")


@pytest.fixture(
    scope="module",
    params=[(language, width) for language in ("en-GB", "de-DE") for width in (1280, 320)],
    ids=lambda param: f"{param[0][:2]}-{param[1]}",
)
def page(request: pytest.FixtureRequest, browser: Browser, dashboard: Dashboard, plane: ControlPlane) -> Iterator[Page]:
    language, width = request.param
    size: ViewportSize = {"width": width, "height": 900}
    with signed_in(browser, dashboard, plane, viewport=size, locale=language) as page:
        yield page


@pytest.mark.parametrize("name", STATES)
def test_a_page_says_how_its_shop_is_and_offers_what_fits(page: Page, name: str) -> None:
    state = STATES[name]
    page.goto(f"/stores/{name}/")
    text = read(page)
    assert not overflows(page)
    assert (page.locator("#visit").count(), page.locator("#administration").count()) == (state.enters, state.enters)
    if page.locator("html").get_attribute("lang") == "en-GB":
        assert [each for each in state.reads if each not in text] == []


def test_the_list_shows_each_state_in_words(page: Page) -> None:
    page.goto("/")
    assert read(page)
    assert not overflows(page)
    assert page.locator("table.stores tbody tr").count() == len(STATES)
    cut = """all => all.filter(each => each.getBoundingClientRect().right
        > each.closest("td").getBoundingClientRect().right).map(each => each.textContent)"""
    assert page.eval_on_selector_all(".cell-phase .phase", cut) == []
