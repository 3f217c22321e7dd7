"""Owners are mailed what happened to their shop, exactly once even if parts are killed or unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storeplatform.api.controllers.notices import due
from storeplatform.api.controllers.words import ENGLISH, GERMAN, written

from ..cluster.controlplane import ControlPlane
from ..cluster.credentials import User
from ..cluster.fixtures import binary
from ..cluster.waiting import wait_until
from ..gate.callers import CALLERS, store
from ..relay.process import Relay, relay_to
from ..shop.mailbox import MailServer, mail_server, texts
from ..stores.platform import apply_shipped
from .process import CONTROLLERS_USER, controllers, metric

__all__ = ["binary"]

USERS = {**CONTROLLERS_USER, **{name: User(*caller) for name, caller in CALLERS.items()}}
DASHBOARD = "https://dashboard.example.com"
COORDINATION = "coordination.k8s.io/v1"
SINCE = "2026-01-02T00:00:00Z"
CLOSES = "2030-12-24T10:00:00Z"


def condition(kind: str, status: str = "True", reason: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason or kind, "message": "", "lastTransitionTime": SINCE}


FAILED_UPGRADE = {
    "conditions": [condition("UpgradeFailed", reason="Rejected")],
    "release": {"running": "2.20.1", "rejected": "2.21.2"},
}


def shop(name: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    made: dict[str, Any] = store(name)
    made["spec"] = {**made["spec"], "adminEmail": f"{name}@example.com", **spec}
    return {**made, "status": status}


@pytest.mark.parametrize(
    ("conditions", "spec", "kinds"),
    [
        ([condition("UpgradeFailed")], {}, ["upgrade"]),
        ([condition("Expiring")], {"expiresAt": CLOSES}, ["expiry"]),
        ([condition("Expiring", reason="Expired")], {"expiresAt": CLOSES}, []),
        ([condition("BackupFailed")], {}, ["backup"]),
        ([condition("BackupMade", "False", "JobFailed")], {}, ["backup"]),
        ([condition("BackupMade", "False", "JobRunning"), condition("Ready")], {}, []),
        ([condition("UpgradeFailed")], {"adminEmail": "", "owner": "ann"}, []),
        ([condition("UpgradeFailed")], {"adminEmail": "", "owner": "ann@example.com"}, ["upgrade"]),
        ([condition("UpgradeFailed")], {"adminEmail": "a@b.c\r\nBcc: all@example.com"}, []),
        ([condition("UpgradeFailed")], {"adminEmail": "a@b.c, all@example.com"}, []),
    ],
)
def test_an_owner_is_mailed_about_these_events(conditions: list[Any], spec: dict[str, Any], kinds: list[str]) -> None:
    assert [each.kind for each in due(shop("flowers", {"conditions": conditions}, **spec))] == kinds


def test_a_new_event_is_a_new_mail_and_the_same_event_is_not() -> None:
    def identity(since: str) -> str:
        (found,) = due(shop("flowers", {"conditions": [{**condition("BackupFailed"), "lastTransitionTime": since}]}))
        return found.identity

    assert identity(SINCE) == identity(SINCE)
    assert identity(SINCE) != identity(CLOSES)


@pytest.mark.parametrize("kind", ENGLISH)
@pytest.mark.parametrize(("country", "words", "link"), [("AT", GERMAN, "Zur Seite"), ("US", ENGLISH, "Open the page")])
def test_a_mail_is_in_the_countrys_language_as_text_and_html(kind: str, country: str, words: Any, link: str) -> None:
    reported = {"rejected": "2", "running": "1", "closes": CLOSES, "deletes": CLOSES}
    mail = written(kind, reported, "Käse & <Brot> {x}", country, f"{DASHBOARD}/stores/flowers/")
    assert str(mail["Subject"]).startswith("Käse & <Brot> {x}: ")
    text, page = texts(mail)
    assert words[kind][1].partition("{")[0] in text.replace("\n", " ")
    assert f'href="{DASHBOARD}/stores/flowers/"' in page
    assert link in text
    assert "<Brot>" not in page
    assert "{" not in text.replace("{x}", "")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The mail server that the relay forwards to."""
    with mail_server("the-pr0viders-passw0rd") as made:
        yield made


@pytest.fixture(scope="module")
def relay(server: MailServer) -> Iterator[Relay]:
    """The platform's relay."""
    with relay_to(server) as made:
        yield made


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        apply_shipped(plane.client)
        yield plane


def become(plane: ControlPlane, wanted: dict[str, Any]) -> None:
    """Create a Store with that status, as the hooks would report it."""
    status = wanted.pop("status")
    made = plane.client.create(wanted)
    plane.client.replace({**made, "status": status}, "status")


def notices(plane: ControlPlane) -> list[dict[str, Any]]:
    """Return the records of sent mails."""
    found: list[dict[str, Any]] = plane.client.list_all(
        COORDINATION, "Lease", labelSelector="platform.urumi.dev/notice=sent"
    )
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The controllers' folder."""
    return tmp_path


def test_a_sender_killed_before_it_records_a_mail_does_not_repeat_it(
    plane: ControlPlane, relay: Relay, server: MailServer, home: Path
) -> None:
    become(plane, shop("flowers", dict(FAILED_UPGRADE), shop={"title": "Käse", "country": "DE", "currency": "EUR"}))
    for _ in range(2):
        with controllers(plane, home, "127.0.0.1#53", relay, DASHBOARD):
            wait_until(lambda: notices(plane), "it is noted that the mail was sent", 60)
        # As if that write had not happened.
        for note in notices(plane):
            plane.client.delete({**note, "apiVersion": COORDINATION, "kind": "Lease"})
    (found,) = server.to("flowers@example.com")
    assert found["From"].addresses[0].addr_spec == "platform@mail.example.com"
    assert str(found["Subject"]) == "Käse: Das Update wurde zurückgenommen"
    assert f"{DASHBOARD}/stores/flowers/" in texts(found)[0]
    assert found["Date"].datetime is not None


def test_an_unavailable_relay_delays_a_mail_and_recorded_ones_are_not_resent(
    plane: ControlPlane, relay: Relay, server: MailServer, home: Path
) -> None:
    become(plane, shop("tea", dict(FAILED_UPGRADE), shop={"title": "Tea", "country": "US", "currency": "USD"}))
    relay.stop()
    with controllers(plane, home, "127.0.0.1#53", relay, DASHBOARD) as url:
        failed = 'store_controller_failures_total{controller="notices"}'
        wait_until(lambda: metric(url, failed), "the relay is reported", 60)
        relay.start()
        wait_until(lambda: len(notices(plane)) == 2, "both mails are noted", 120)
    (tea,) = server.to("tea@example.com")
    assert str(tea["Subject"]) == "Tea: the update was undone"
    # The relay's memory is lost, but the records are not.
    relay.stop()
    relay.start()
    become(plane, shop("books", dict(FAILED_UPGRADE)))
    with controllers(plane, home, "127.0.0.1#53", relay, DASHBOARD):
        wait_until(lambda: len(notices(plane)) == 3, "the next mail is noted", 60)
    assert len(server.to("tea@example.com")) == 1
