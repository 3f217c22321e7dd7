"""The life of a store: its version, the origin of its data, and when it closes.

A store is in one of these states; the first that applies takes precedence:

- closing, closed: ``spec.suspended`` is set, or the store has expired. Nothing new starts. A running Job finishes; any
  other is repeated later. Then the database stops.
- restoring: ``spec.restoreFrom`` names a backup other than the data's origin. An open shop stays open until a Job has
  checked that the backup exists and is complete; a restore that is impossible changes nothing.
- rolling back: a version was rejected after its migration had started, so the snapshot from before it is restored.
- upgrading: ``spec.version`` changed. A snapshot of the database is taken, then it is migrated, then the new version
  serves.
- ending: the store has expired, and its last backup is being made.
- running.

The state is computed from the status and from Jobs that were observed complete, so hooks, controller and API server may
fail at any point, and an outdated status is corrected by what is observed:

- A restore is done once its Job was observed complete, and never starts again for the same request. The Job is kept as
  a second record beside the status.
- A target version that fails, or is not ready by the deadline, is rejected: the target is then the running version. The
  rejected one is not tried again until ``spec.version`` changes.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace

from storeplatform.common.reasons import remedy
from storeplatform.common.times import moment, seconds_between

from . import jobs
from .expiry import Expiry
from .objects import Object, dig
from .progress import Blocker
from .request import SyncRequest

# Reasons that are concluded from an object's absence. After an outage of the API server, the controller may not see
# existing objects for half a minute; that must not roll back an upgrade before its deadline.
CONCLUDED = {"ChildRefused", "HostnameTaken", "NamespaceTaken"}


@dataclass(frozen=True)
class Release:
    """The version that runs, the target version, and rejected ones.

    ``since``: when the target was chosen. ``snapshot``: the one taken before the target. ``migrated``: whether the
    target's migration has started. ``restore``: the snapshot that must be restored first. ``attempt`` distinguishes the
    target's migration from an earlier one to the same version; ``origin`` does so for the running version. Both are ""
    for a store's first version.
    """

    target: str = ""
    running: str = ""
    previous: str = ""
    rejected: str = ""
    since: str = ""
    message: str = ""
    snapshot: str = ""
    migrated: bool = False
    restore: str = ""
    attempt: str = ""
    origin: str = ""

    @property
    def upgrading(self) -> bool:
        """Whether the running version is not the target."""
        return bool(self.running) and self.running != self.target

    @property
    def status(self) -> Object:
        """Return the release in the form of the status, without empty fields."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Restore:
    """A request to restore a backup. ``asked``: its time, which makes it a new request even for the same backup."""

    store: str
    backup: str
    asked: str = ""

    @property
    def data_of(self) -> str:
        """Return the backup that ``status.restored`` names."""
        return f"{self.store}/{self.backup}"


@dataclass(frozen=True)
class Life:
    """What a store has to do now.

    ``restored``: the request that the data came from. ``restores``: the number of restores so far. ``wanted``: the
    pending restore request; ``checked``: whether it may close the shop. ``snapshot``: the snapshot to take now.
    ``last_backup``: the one that was taken before the shop closed. ``closed``: whether the store must have no pods.
    """

    release: Release
    restored: Restore | None = None
    restores: int = 0
    wanted: Restore | None = None
    checked: bool = False
    snapshot: str = ""
    last_backup: str = ""
    closed: bool = False

    @property
    def current(self) -> Restore | None:
        """The request to check or restore now. A rollback of a version comes first, unless it may continue."""
        return self.wanted if self.checked or not self.release.restore else None

    @property
    def restore(self) -> str:
        """The archive to restore now; "" if none."""
        if self.current:
            return self.current.backup if self.checked else ""
        return f"snapshot/{self.release.restore}" if self.release.restore else ""

    @property
    def request(self) -> str:
        """The identity of this check or restore among all others; "" if there is none."""
        if self.current:
            return _numbered(self.current.data_of, self.restores + 1, self.current.asked)
        return self.restore

    @property
    def migration(self) -> str:
        """The identity of the target's migration, to distinguish it from earlier ones of other data; "" for a store's
        first.
        """
        return _migration(self.release.attempt, self.restores)

    @property
    def running_migration(self) -> str:
        """The request of the running version's migration."""
        return migrate(self.release.running, _migration(self.release.origin, self.restores))

    @property
    def status(self) -> Object:
        """Return the part of the status that the life is read from at the next sync."""
        done = self.restored
        lasting = {
            "restored": done.data_of if done else "",
            "restoredRequest": done.asked if done else "",
            "restores": self.restores,
            "lastBackup": self.last_backup,
        }
        return {"release": self.release.status, **{name: value for name, value in lasting.items() if value}}


def begin(request: SyncRequest, version: str, restore: Restore | None, end: Expiry | None) -> Life:
    """Return what to do now, given the version, the restore and the expiry that the spec asks for."""
    status, release, restored, restores = request.status, *_observed(request)
    release = _aim(release, version, request.now)
    wanted = restore if restore != restored else None
    last_backup, saves = _text(status, "lastBackup"), end.last_backup(release.since) if end else ""
    if end and jobs.done(request, f"snapshot {saves}"):
        last_backup = saves
    now = moment(request.now)
    expired = bool(end and now and now >= end.closes)
    gives_up = bool(end and now and (last_backup == saves or now > end.gives_up))
    return Life(
        release,
        restored=restored,
        restores=restores,
        wanted=wanted,
        checked=wanted is not None and (not _open(request, release) or _checked(request, wanted, restores + 1)),
        snapshot=release.snapshot if release.upgrading else saves if expired and not gives_up else "",
        last_backup=last_backup,
        closed=dig(request.parent, "spec", "suspended") is True or (expired and gives_up),
    )


def conclude(life: Life, blocked: Blocker | None, now: str, deadline_seconds: float) -> Life:
    """Return an open store's life after considering what is observed: the target is ready, rejected, or in progress.

    :param blocked: what keeps the store from being ready.
    """
    release = life.release
    if blocked is None:
        previous = release.running if release.upgrading else release.previous
        ready = replace(release, running=release.target, previous=previous, snapshot="", migrated=False)
        return replace(life, release=replace(ready, origin=release.attempt))
    if not release.upgrading:
        return life
    # Once the version is rejected, the remedy for the cause no longer applies.
    advice = remedy(blocked.reason)
    cause = blocked.message.replace(f"; {advice}", "") if advice else blocked.message
    if blocked.fatal and blocked.reason not in CONCLUDED:
        rejected = replace(_back(release, now), rejected=release.target, message=cause)
        return replace(life, release=rejected)
    if seconds_between(release.since, now) > deadline_seconds:
        message = f"not ready within {deadline_seconds:.0f} s: {cause}"
        return replace(life, release=replace(_back(release, now), rejected=release.target, message=message))
    return life


def resumed(life: Life, now: str) -> Life:
    """Return the life of a store that was closed until now: its deadline restarts, and its last backup no longer
    counts.
    """
    return replace(life, release=replace(life.release, since=now), last_backup="")


def read(status: Object) -> Release:
    """Read the release from a status."""
    said = status.get("release")
    known = asdict(Release())
    values = said.items() if isinstance(said, dict) else ()
    return Release(**known | {name: value for name, value in values if type(value) is type(known.get(name))})


def _observed(request: SyncRequest) -> tuple[Release, Restore | None, int]:
    """Return the release, the request that the data came from, and the number of restores: from the status, corrected
    by what Jobs were observed to have done since.
    """
    release, status = read(request.status), request.status
    store, _, backup = _text(status, "restored").partition("/")
    restored = Restore(store, backup, _text(status, "restoredRequest")) if backup else None
    restores: int = status["restores"] if type(status.get("restores")) is int else 0
    if release.restore and jobs.done(request, f"restore snapshot/{release.restore}"):
        release = replace(release, restore="")
    for number, what, asked in sorted(_done_restores(request)):
        if number > restores:
            store, _, backup = what.partition("/")
            restored, restores = Restore(store, backup, asked), number
            release = _on_other_data(release, request.now)
    migrations = jobs.answering(request, migrate(release.target, _migration(release.attempt, restores)))
    if release.upgrading and jobs.done(request, f"snapshot {release.snapshot}"):
        begun = any(jobs.touched(job, request) for job in migrations)
        release = replace(release, migrated=release.migrated or begun)
    return release, restored, restores


def _done_restores(request: SyncRequest) -> list[tuple[int, str, str]]:
    """Return number, backup and time of each requested restore whose Job was observed complete."""
    written = (_NUMBERED.fullmatch(jobs.request_of(job)) for job in jobs.done_restores(request))
    return [(int(found["number"]), found["what"], found["asked"] or "") for found in written if found]


def migrate(version: str, migration: str) -> str:
    """Return the request of a migration to a version."""
    return f"migrate {version} {migration}".rstrip()


def _migration(attempt: str, restores: int) -> str:
    return f"{attempt}#{restores}" if restores else attempt


def _numbered(what: str, number: int, asked: str = "") -> str:
    return f"{what}#{number} {asked}".rstrip()


def _open(request: SyncRequest, release: Release) -> bool:
    """Whether the shop is open, so that an impossible restore must not close it.

    It is not if its rollback has failed.
    """
    back = jobs.answering(request, f"restore snapshot/{release.restore}") if release.restore else []
    return bool(release.running) and not any(map(jobs.failed, back))


def _checked(request: SyncRequest, wanted: Restore, number: int) -> bool:
    """Whether the backup is known to be complete, or its restore has started."""
    asked = _numbered(wanted.data_of, number, wanted.asked)
    return jobs.done(request, f"check {asked}") or bool(jobs.answering(request, f"restore {asked}"))


def _aim(old: Release, wanted: str, now: str) -> Release:
    """Return the release with ``wanted``, the spec's version, as its target."""
    if wanted == old.rejected:
        return old
    if wanted == old.target:
        return replace(old, rejected="", message="")
    if not old.running:
        return Release(target=wanted, since=now)
    if wanted == old.running:
        return _back(old, now)
    attempt = _snapshot(wanted, now)
    snapshot = old.snapshot or attempt
    return replace(old, target=wanted, since=now, rejected="", message="", snapshot=snapshot, attempt=attempt)


def _back(release: Release, now: str) -> Release:
    """Return the release that rolls back to the running version; if a migration has changed the database, its snapshot
    is restored first.
    """
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
        attempt=release.origin,
    )


def _on_other_data(release: Release, now: str) -> Release:
    """Return the release after a backup was restored: snapshots of the earlier data are never restored any more."""
    if not release.upgrading:
        return replace(release, restore="")
    return replace(release, restore="", snapshot=_snapshot(release.target, now), migrated=False, since=now)


def _snapshot(version: str, now: str) -> str:
    return f"before-{version}-{now.translate(_NOT_IN_NAMES)}".lower()


def _text(status: Object, name: str) -> str:
    value = status.get(name)
    return value if isinstance(value, str) else ""


_NOT_IN_NAMES = str.maketrans("", "", "-:")
_NUMBERED = re.compile(r"restore (?P<what>[^# ]+)#(?P<number>\d{1,9})( (?P<asked>.+))?", re.ASCII)
