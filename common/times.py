"""Parse, format and compute times as Kubernetes writes them (RFC 3339). Nothing here reads a clock.

The years 1 to 9999 are supported; a result outside that range becomes its first or last second.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)


def moment(text: Any) -> datetime | None:
    """Return the time in UTC that a string denotes; None if it is not a time."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return FIRST if found.year == FIRST.year else LAST


def shifted(time: datetime, hours: float) -> datetime:
    """Return the time that many hours later (earlier if negative)."""
    try:
        return time + timedelta(hours=hours)
    except OverflowError:
        return LAST if hours > 0 else FIRST


def seconds_between(earlier: Any, later: Any) -> float:
    """Return the seconds from one time to another, both strings; 0 if either is not a time."""
    start, end = moment(earlier), moment(later)
    return (end - start).total_seconds() if start and end else 0.0


def written(time: datetime, precision: str = "seconds") -> str:
    """Format a time as Kubernetes writes it, in UTC. (strftime would write the year 800 with three digits.)

    :param precision: "seconds", "microseconds", or "auto" (microseconds unless they are 0).
    """
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
