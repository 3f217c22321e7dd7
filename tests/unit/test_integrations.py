"""What an owner reads of a shop's integrations."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.dashboard.integrations import words


def mail(provider: str | None, shown: dict[str, str]) -> dict[str, Any]:
    return {"name": "mail", "title": "Mail", "provider": provider, "shown": shown, "providers": []}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Mail goes out through the platform, as demo@mail.example.com."),
        ("de", "Mails verschickt die Plattform, als demo@mail.example.com."),
    ],
    indirect=["language"],
)
def test_mail_through_the_platform_is_said_plainly(language: str, said: str) -> None:
    (found,) = words([mail("relay", {"from": "demo@mail.example.com"})])
    assert found["by_platform"] == said


@pytest.mark.usefixtures("language")
def test_nothing_is_said_of_the_platform_where_the_owner_has_a_server_or_there_is_no_relay() -> None:
    own, none = words([mail("smtp", {"from": "shop@example.com"}), mail(None, {})])
    assert (own["by_platform"], none["by_platform"]) == ("", "")
