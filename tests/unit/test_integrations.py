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
def test_mail_through_the_platform_is_explained(language: str, said: str) -> None:
    (found,) = words([mail("relay", {"from": "demo@mail.example.com"})])
    assert found["by_platform"] == said


@pytest.mark.usefixtures("language")
def test_the_platform_is_not_mentioned_without_a_relay_or_with_an_own_server() -> None:
    own, none = words([mail("smtp", {"from": "shop@example.com"}), mail(None, {})])
    assert (own["by_platform"], none["by_platform"]) == ("", "")
