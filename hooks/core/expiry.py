"""The end of a store that expires: it is announced, then the shop is closed after a last backup, then the reaper
deletes it.

Changing ``spec.expiresAt`` at any time before the deletion cancels all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storeplatform.common.times import moment, shifted, written

from ..settings import Settings
from .objects import Object, dig
from .request import SyncRequest

# After this time, an expired shop is closed even if its last backup can't be made.
LAST_BACKUP_DEADLINE_HOURS = 1


@dataclass(frozen=True)
class Expiry:
    """The times at which the owner is warned, the shop closes, and the store is deleted."""

    warns: datetime
    closes: datetime
    deletes: datetime

    def last_backup(self, since: str) -> str:
        """Return the name of the backup that is taken before the shop closes.

        :param since: when the shop was last opened or changed its version. If a shop closed, was reopened and gets the
        same expiry again, this makes a new backup necessary: the old one lacks the sales since then.
        """
        latest = max(self.closes, moment(since) or self.closes)
        return f"expired-{written(latest).translate(_NOT_IN_NAMES).lower()}"

    @property
    def gives_up(self) -> datetime:
        """When the shop closes even without its last backup."""
        return shifted(self.closes, LAST_BACKUP_DEADLINE_HOURS)

    def next_seconds(self, now: datetime) -> float | None:
        """Return the seconds until the next of these times; None if all have passed."""
        times = (self.warns, self.closes, self.gives_up, self.deletes)
        ahead = [(time - now).total_seconds() for time in times if time > now]
        return min(ahead) if ahead else None


def expiry(request: SyncRequest, settings: Settings) -> Expiry | None:
    """Return the store's expiry; None if the spec has none."""
    closes = moment(dig(request.parent, "spec", "expiresAt"))
    if closes is None:
        return None
    hours = settings.values["expiry"]
    return Expiry(shifted(closes, -hours["warningHours"]), closes, shifted(closes, hours["graceHours"]))


def announcement(end: Expiry | None, request: SyncRequest) -> tuple[str, str] | None:
    """Return reason and message of the condition Expiring; None before the time of the warning."""
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
    """Return the part of the status that the reaper reads."""
    return {"deletesAt": written(end.deletes)} if end else {}


_NOT_IN_NAMES = str.maketrans("", "", "-:")
