"""What an owner reads of a shop's integrations."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.common.reasons import REASONS
from storeplatform.dashboard.integrations import words
from tests.dashboard.language import TECHNICAL


def mail(provider: str | None, shown: dict[str, str], ready: dict[str, str] | None = None) -> dict[str, Any]:
    return {"name": "mail", "title": "Mail", "provider": provider, "shown": shown, "providers": [], "ready": ready}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Mail goes out through the platform, as demo@mail.example.com."),
        ("de", "Mails verschickt die Plattform, als demo@mail.example.com."),
    ],
    indirect=["language"],
)
def test_mail_through_the_platform_is_explained(language: str, said: str) -> None:
    (found,) = words([mail("relay", {"from": "demo@mail.example.com"})])
    assert found["by_platform"] == said


@pytest.mark.usefixtures("language")
def test_the_platform_is_not_mentioned_without_a_relay_or_with_an_own_server() -> None:
    own, none = words([mail("smtp", {"from": "shop@example.com"}), mail(None, {})])
    assert (own["by_platform"], none["by_platform"]) == ("", "")


REFUSED = (
    "Job mail-check-a81b269cfc failed: Pod failed; delete the Job to run it again (pod check-1, container check: "
    "exit code 2 (Error): localhost: 535 Authentication (LOGIN) invalid); mails are kept until they can be sent: set "
    "the mail server's fields again"
)


@pytest.mark.usefixtures("language")
def test_what_a_provider_says_is_quoted_without_what_is_around_it() -> None:
    (found,) = words([mail("smtp", {}, {"status": "False", "reason": "JobFailed", "message": REFUSED})])
    said = "The provider does not accept this: “localhost: 535 Authentication (LOGIN) invalid” Set it again."
    assert (found["fault"], found["underway"]) == (said, "")


@pytest.mark.parametrize("language", ["en", "de"], indirect=True)
@pytest.mark.parametrize("provider", ["smtp", "relay", None])
def test_no_state_of_an_integration_reads_technical(language: str, provider: str | None) -> None:
    for reason in (*REASONS, "Unheard"):
        ready = {"status": "False", "reason": reason, "message": "waits for Exposed"}
        (found,) = words([mail(provider, {}, ready)])
        assert bool(found["fault"]) != bool(found["underway"]), reason
        assert not TECHNICAL.search(found["fault"] + found["underway"]), reason


@pytest.mark.usefixtures("language")
def test_accepted_settings_are_not_reported() -> None:
    (found,) = words([mail("smtp", {}, {"status": "True", "reason": "AsDesired", "message": ""})])
    assert (found["fault"], found["underway"]) == ("", "")
