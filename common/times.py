"""Times as Kubernetes writes them (RFC 3339), reckoned with and never read from a clock.

Every time of the years 1 to 9999 is handled: a result outside of them is the first or the last second of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)


def moment(text: Any) -> datetime | None:
    """The time in UTC that a string names, or None where it names none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return FIRST if found.year == FIRST.year else LAST


def shifted(time: datetime, hours: float) -> datetime:
    """The time so many hours later, or earlier where they are negative."""
    try:
        return time + timedelta(hours=hours)
    except OverflowError:
        return LAST if hours > 0 else FIRST


def seconds_between(earlier: Any, later: Any) -> float:
    """Seconds from one time to another, both as strings; 0 where either is none."""
    start, end = moment(earlier), moment(later)
    return (end - start).total_seconds() if start and end else 0.0


def written(time: datetime, precision: str = "seconds") -> str:
    """A time as Kubernetes writes it, in UTC. (strftime writes the year 800 with three digits.)

    :param precision: "seconds", "microseconds", or "auto" for the latter where they are not 0.
    """
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
