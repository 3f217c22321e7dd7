"""Times as Kubernetes writes them (RFC 3339), reckoned with and never read from a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(text: Any) -> datetime | None:
    """The moment a text names, or None where it names none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def seconds_between(earlier: Any, later: Any) -> float:
    """From one moment to another; 0 where either is none."""
    start, end = moment(earlier), moment(later)
    return (end - start).total_seconds() if start and end else 0.0


def written(time: datetime) -> str:
    """A moment as Kubernetes writes it, in UTC and whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
