"""Releases: which version a store is brought to, and when it goes back to the last good one.

The whole of it stands in ``status.release``, so that hooks, loop and API server may fail at any point:

- A changed ``spec.version`` becomes the target. What runs is kept in ``running`` until the target is ready.
- Before the target's migration the database is snapshotted. Once a migration has begun, going back restores it.
- A target that fails, or is not ready by the deadline, is rejected: the target is what ran before. It is not tried
  again until ``spec.version`` changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from .clock import seconds_between
from .progress import Blocker
from .request import Object

# Concluded from an object that is not seen. After an outage of the API server the loop may not see for half a minute
# what is there: no reason to take an upgrade back before its deadline.
CONCLUDED = {"ChildRefused", "HostnameTaken", "NamespaceTaken"}


@dataclass(frozen=True)
class Release:
    """``since``: when the target was chosen. ``snapshot``: the one taken before the target. ``migrated``: whether
    the target's migration has begun. ``restore``: the snapshot to go back to before anything else."""

    target: str = ""
    running: str = ""
    previous: str = ""
    rejected: str = ""
    since: str = ""
    message: str = ""
    snapshot: str = ""
    migrated: bool = False
    restore: str = ""

    @property
    def upgrading(self) -> bool:
        """Whether something runs that is not the target."""
        return bool(self.running) and self.running != self.target

    @property
    def status(self) -> Object:
        """As it is written into the status: only what there is to say."""
        return {name: value for name, value in asdict(self).items() if value}


def read(status: Object) -> Release:
    """The release a status tells of."""
    said = status.get("release")
    known = asdict(Release())
    values = said.items() if isinstance(said, dict) else ()
    return Release(**known | {name: value for name, value in values if type(value) is type(known.get(name))})


def begin(old: Release, wanted: str, now: str) -> Release:
    """The release to aim at now that ``wanted`` is the version of the spec."""
    if wanted in (old.target, old.rejected):
        return old
    if not old.running:
        return Release(target=wanted, since=now)
    if wanted == old.running:
        return _back(old, now)
    name = f"before-{wanted}-{now.translate(_NOT_IN_NAMES)}".lower()
    return replace(old, target=wanted, since=now, rejected="", message="", snapshot=old.snapshot or name)


def end(release: Release, blocked: Blocker | None, migrated: bool, now: str, deadline_seconds: float) -> Release:
    """What becomes of it: ready, rejected, or still on its way.

    :param blocked: what keeps the store from being ready.
    :param migrated: whether the target's migration can be seen to have begun.
    """
    if blocked is None:
        previous = release.running if release.upgrading else release.previous
        return replace(
            release, running=release.target, previous=previous, snapshot="", migrated=False, restore="",
        )  # fmt: skip
    if not release.upgrading:
        return release
    release = replace(release, migrated=release.migrated or migrated)
    if blocked.fatal and blocked.reason not in CONCLUDED:
        return replace(_back(release, now), rejected=release.target, message=blocked.message)
    if seconds_between(release.since, now) > deadline_seconds:
        message = f"not ready within {deadline_seconds:.0f} s: {blocked.message}"
        return replace(_back(release, now), rejected=release.target, message=message)
    return release


def _back(release: Release, now: str) -> Release:
    """To what runs, over the snapshot where a migration has touched the database."""
    restore = release.restore or (release.snapshot if release.migrated else "")
    return replace(
        release,
        target=release.running,
        since=now,
        rejected="",
        message="",
        snapshot="",
        migrated=False,
        restore=restore,
    )


_NOT_IN_NAMES = str.maketrans("", "", "-:")
