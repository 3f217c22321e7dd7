"""The end of a store that has one: announced, then closed with a last backup, then deleted by the reaper.

Moving ``spec.expiresAt`` at any point before the deletion undoes all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..settings import Settings
from .clock import moment, written
from .request import Object, SyncRequest, dig

# A database that can't be backed up does not keep an expired shop open for ever.
LAST_BACKUP_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Expiry:
    """When the owner is told, the shop closes and the store is deleted."""

    warns: datetime
    closes: datetime
    deletes: datetime

    @property
    def last_backup(self) -> str:
        """The name of the snapshot that is taken before the shop closes."""
        return f"expired-{self.closes.strftime('%Y%m%dt%H%M%Sz')}"

    def next_seconds(self, now: datetime) -> float | None:
        """Seconds until the next of the three; None when all are past."""
        ahead = [(time - now).total_seconds() for time in (self.warns, self.closes, self.deletes) if time > now]
        return min(ahead) if ahead else None


def expiry(request: SyncRequest, settings: Settings) -> Expiry | None:
    """The store's end, or None where the spec names none."""
    closes = moment(dig(request.parent, "spec", "expiresAt"))
    if closes is None:
        return None
    hours = settings.values["expiry"]
    return Expiry(
        closes - timedelta(hours=hours["warningHours"]), closes, closes + timedelta(hours=hours["graceHours"])
    )


def told(end: Expiry | None, request: SyncRequest) -> tuple[str, str] | None:
    """Reason and message of the condition Expiring; None where there is nothing to tell yet."""
    now = moment(request.now)
    if end is None or now is None or now < end.warns:
        return None
    closes, deletes = written(end.closes), written(end.deletes)
    if now < end.closes:
        return "Expiring", f"the shop closes at {closes} and is deleted at {deletes}: move spec.expiresAt to keep it"
    return (
        "Expired",
        f"the shop closed at {closes} and is deleted with its data at {deletes}: move spec.expiresAt to keep it",
    )


def has_closed(end: Expiry | None, request: SyncRequest) -> bool:
    """Whether the store's time is over and its last backup made, or given up."""
    now = moment(request.now)
    if end is None or now is None or now < end.closes:
        return False
    return request.status.get("lastBackup") == end.last_backup or now > end.closes + LAST_BACKUP_PATIENCE


def closing_backup(end: Expiry | None, request: SyncRequest) -> str:
    """The last backup to make now; empty where it is not time, or done."""
    now = moment(request.now)
    return end.last_backup if end and now and now >= end.closes and not has_closed(end, request) else ""


def status(end: Expiry | None) -> Object:
    """What the reaper goes by."""
    return {"deletesAt": written(end.deletes)} if end else {}
