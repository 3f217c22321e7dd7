"""A Store as the API shows it, and ETags."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.api.views import backup_request, etag, matches, summary


def store(**status: Any) -> dict[str, Any]:
    metadata = {
        "name": "shop",
        "uid": "u",
        "generation": 3,
        "resourceVersion": "9",
        "creationTimestamp": "2030-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"engine": "medusa", "owner": "ann", "plan": "small"}, "status": status}


def test_a_store_without_a_status_is_pending_and_unknown() -> None:
    shown = summary(store())
    assert (shown["phase"], shown["ready"]["status"], shown["url"], shown["title"]) == (
        "Pending",
        "Unknown",
        None,
        "shop",
    )


@pytest.mark.parametrize(
    ("if_match", "holds"),
    [
        ("*", True),
        (' "u.3.9" ', True),
        ('"u.3.1"', True),  # another status
        ('"x.1.1", "u.3.9"', True),
        ('"u.2.9"', False),  # another spec
        ('"v.3.9"', False),  # another store of the name
        ("", False),
        ('"u.33.9"', False),
        ('"u.3"', False),
    ],
)
def test_a_change_matches_the_spec_that_it_was_made_from(if_match: str, holds: bool) -> None:
    assert etag(store()) == '"u.3.9"'
    assert matches(store(), if_match) is holds


ASKED = "2030-01-05T12:00:00.123456Z"


@pytest.mark.parametrize(
    ("asked", "status", "reason", "seen", "backups", "comes"),
    [
        ("", "True", "AsDesired", 3, [], None),
        (ASKED, "True", "AsDesired", 3, [], "made"),
        (ASKED, "True", "AsDesired", 2, [], "underway"),  # of the previous request
        (ASKED, "False", "JobRunning", 3, ["2030-01-04T03:00:00Z"], "underway"),
        (ASKED, "False", "JobFailed", 3, [], "failed"),
        (ASKED, "False", "JobFailed", 2, [], "underway"),
        (ASKED, "False", "JobFailed", 3, ["2030-01-04T03:00:00Z"], "failed"),
        (ASKED, "False", "JobFailed", 3, ["2030-01-06T03:00:00Z", "2030-01-04T03:00:00Z"], None),
        (ASKED, "", "", 3, [], "underway"),
    ],
)
def test_a_requested_backup_has_the_state_that_was_observed(
    asked: str, status: str, reason: str, seen: int, backups: list[str], comes: str | None
) -> None:
    found = [{"type": "BackupMade", "status": status, "reason": reason}] if status else []
    shown = store(conditions=found, observedGeneration=seen, backups=backups)
    shown["spec"]["backup"] = {"schedule": "0 3 * * *", **({"requestedAt": asked} if asked else {})}
    assert backup_request(shown) == comes


def test_without_backups_none_was_requested() -> None:
    assert backup_request(store()) is None
