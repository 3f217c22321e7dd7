"""Which stores are due for deletion, computed from a Store and the time only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from storeplatform.api.reaper import due

NOW = datetime(2026, 2, 8, tzinfo=UTC)


def store(**over: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "metadata": {"name": "s", "generation": 3},
        "spec": {"expiresAt": "2026-02-01T00:00:00Z"},
        "status": {"phase": "Suspended", "observedGeneration": 3, "deletesAt": "2026-02-08T00:00:00Z"},
    }
    for path, value in over.items():
        part, _, name = path.partition("_")
        made[part][name] = value
    return made


def test_a_closed_store_whose_grace_period_is_over_is_due() -> None:
    assert due(store(), NOW)


@pytest.mark.parametrize(
    "over",
    [
        {"spec_deletionProtection": True},
        {"spec_expiresAt": None},
        {"metadata_generation": 4},
        {"status_phase": "Ready"},
        {"status_deletesAt": "2026-02-08T00:00:01Z"},
        {"status_deletesAt": None},
    ],
)
def test_a_protected_moved_open_or_recently_expired_store_is_not_due(over: dict[str, Any]) -> None:
    assert not due(store(**over), NOW)


def test_a_store_without_a_status_is_not_due() -> None:
    assert not due({"metadata": {"name": "s", "generation": 1}, "spec": {"expiresAt": "2026-02-01T00:00:00Z"}}, NOW)
