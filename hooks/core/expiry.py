"""The times at the end of a store that has one: announced, then closed after a last backup, then deleted by the reaper.

Moving ``spec.expiresAt`` at any point before the deletion undoes all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storeplatform.common.times import moment, shifted, written

from ..settings import Settings
from .objects import Object, dig
from .request import SyncRequest

# A database that can't be backed up does not keep an expired shop open forever.
LAST_BACKUP_DEADLINE_HOURS = 1


@dataclass(frozen=True)
class Expiry:
    """When the owner is warned, the shop closes and the store is deleted."""

    warns: datetime
    closes: datetime
    deletes: datetime

    def last_backup(self, since: str) -> str:
        """The name of the snapshot that is taken before the shop closes.

        :param since: when the shop was opened or changed its version. A shop that was open after this end, and then got
            the same end again, is saved again: what it sold meanwhile is not in the snapshot of before.
        """
        latest = max(self.closes, moment(since) or self.closes)
        return f"expired-{written(latest).translate(_NOT_IN_NAMES).lower()}"

    @property
    def gives_up(self) -> datetime:
        """When the shop closes without its last backup."""
        return shifted(self.closes, LAST_BACKUP_DEADLINE_HOURS)

    def next_seconds(self, now: datetime) -> float | None:
        """Seconds until the next of the times; None when all are past."""
        times = (self.warns, self.closes, self.gives_up, self.deletes)
        ahead = [(time - now).total_seconds() for time in times if time > now]
        return min(ahead) if ahead else None


def expiry(request: SyncRequest, settings: Settings) -> Expiry | None:
    """The store's end, or None where the spec names none."""
    closes = moment(dig(request.parent, "spec", "expiresAt"))
    if closes is None:
        return None
    hours = settings.values["expiry"]
    return Expiry(shifted(closes, -hours["warningHours"]), closes, shifted(closes, hours["graceHours"]))


def announcement(end: Expiry | None, request: SyncRequest) -> tuple[str, str] | None:
    """Reason and message of the condition Expiring; None while the end is not near."""
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


def status(end: Expiry | None) -> Object:
    """The part of the status that the reaper reads."""
    return {"deletesAt": written(end.deletes)} if end else {}


_NOT_IN_NAMES = str.maketrans("", "", "-:")
