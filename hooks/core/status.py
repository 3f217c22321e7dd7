"""The Store's status: what is observed, in conditions by the Kubernetes conventions, and one word."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..settings import Settings
from .conditions import conditions, stamped, told_before
from .expiry import Expiry, has_closed, told
from .expiry import status as ending_at
from .patience import wait
from .progress import Blocker, condition
from .release import Release, end
from .request import Key, Object, SyncRequest, dig
from .staging import Plan
from .store import NotAccepted, Store

NAMED_LEFTOVERS = 5


@dataclass(frozen=True)
class Subject:
    """What a status speaks of: the request and all that was decided for it."""

    request: SyncRequest
    settings: Settings
    store: Store
    release: Release
    end: Expiry | None


def living(about: Subject, plan: Plan) -> Object:
    """The status of an accepted store that is to be open."""
    request, settings, release = about.request, about.settings, about.release
    blockers, blocked, waiting = dict(plan.blockers), None, None
    if plan.first_blocked:
        name, found = plan.first_blocked
        found, waiting = wait(request, name, found, settings.values["progressDeadlineSeconds"])
        blockers[name] = found
        blocked = replace(found, message=f"{name}: {found.message}")
    if request.status.get("phase") == "Suspended":
        release = replace(release, since=request.now)  # what slept had no time to become ready
    outcome = end(release, blocked, plan.migrated, request.now, settings.values["upgradeDeadlineSeconds"])
    is_open = "; ".join([f"the shop is open at {about.store.url}", *plan.notes])
    told_now = [
        *conditions(request, {"Accepted": None, **blockers}),
        *_told(about, outcome),
        _progressing(request, blocked),
        *conditions(request, {"Ready": blocked}, is_open),
    ]
    return {
        **_lasting(about),
        **_last_backup(about, plan),
        **_restored(about, plan),
        "phase": _phase(request, blocked, release),
        "release": outcome.status,
        "conditions": told_now,
        **({"waiting": waiting} if waiting else {}),
    }


def sleeping(about: Subject, plan: Plan) -> Object:
    """The status of a store that is suspended or has expired, or is on its way there."""
    request = about.request
    left = next((found for found in plan.blockers.values() if found and found.reason == "Stopping"), None)
    expired = told(about.end, request)
    if expired and has_closed(about.end, request):
        ready = Blocker(*expired)
    else:
        closed = f"the shop is closing: {left.message}" if left else "the shop is closed and keeps its data"
        ready = Blocker("Suspended", f"{closed}; set spec.suspended to false to open it")
    return {
        **_lasting(about),
        **_last_backup(about, plan),
        **_restored(about, plan),
        "phase": "Suspended",
        "release": about.release.status,
        "conditions": [
            *conditions(request, {"Accepted": None, **plan.blockers}),
            *_told(about, about.release),
            *conditions(request, {"Ready": ready}),
        ],
    }


def receipted(request: SyncRequest) -> bool:
    """Whether the status of a deleted store says that nothing remains."""
    return any(c["type"] == "Terminating" and c.get("reason") == "Deleted" for c in told_before(request))


def _lasting(about: Subject) -> Object:
    """What does not depend on how far the store is."""
    store = about.store
    admin_path = about.settings.engines[store.engine].values["adminPath"]
    return {
        "engine": store.engine,
        "url": store.url,
        **({"adminURL": store.url + admin_path} if admin_path else {}),
        "credentialsSecret": f"{store.namespace}/credentials",
        **ending_at(about.end),
        **_backups(about),
    }


def _backups(about: Subject) -> Object:
    """When the newest backups were finished, newest first. The CronJob "backup" tells of the last; the rest was told
    before."""
    said = about.request.status.get("backups")
    times = [time for time in said if isinstance(time, str)] if isinstance(said, list) else []
    for key, seen in about.request.observed.items():
        last = dig(seen, "status", "lastSuccessfulTime") if (key.kind, key.name) == ("CronJob", "backup") else None
        if isinstance(last, str) and last not in times:
            times = sorted([last, *times], reverse=True)
    return {"backups": times[: about.store.backup_keep]} if times else {}


def _restored(about: Subject, plan: Plan) -> Object:
    """Which backup the data came from, once it is there: it is never put back a second time."""
    pending = about.store.restore_store and about.store.data_of
    if pending and plan.blockers.get("Restored", 1) is None:
        return {"restored": pending}
    restored = about.request.status.get("restored")
    return {"restored": restored} if restored else {}


def _last_backup(about: Subject, plan: Plan) -> Object:
    """The name of the backup made before an expired shop closes, once its stage is through."""
    made = about.end and about.store.snapshot == about.end.last_backup and plan.blockers.get("Snapshotted", 1) is None
    name = about.end.last_backup if about.end and made else about.request.status.get("lastBackup")
    return {"lastBackup": name} if name else {}


def _told(about: Subject, release: Release) -> list[Object]:
    """The conditions that are there only while they have something to tell."""
    expiring = told(about.end, about.request)
    return [
        *_upgrade_failed(about.request, release),
        *([stamped(about.request, "Expiring", "True", *expiring)] if expiring else []),
    ]


def _upgrade_failed(request: SyncRequest, release: Release) -> list[Object]:
    """One condition while a version is rejected, none otherwise."""
    if not release.rejected:
        return []
    message = (
        f"{release.rejected} was rejected ({release.message}) and {release.target} took its place again; "
        "it is not tried again until spec.version changes"
    )
    return [stamped(request, "UpgradeFailed", "True", "Rejected", message)]


def _progressing(request: SyncRequest, blocked: Blocker | None) -> Object:
    """Whether the store is on its way: False once it is there, or can't go on by itself."""
    if blocked is None:
        return stamped(request, "Progressing", "False", "AsDesired", "")
    return stamped(request, "Progressing", "False" if blocked.fatal else "True", blocked.reason, blocked.message)


def refused(request: SyncRequest, why: NotAccepted) -> Object:
    """The status of a store whose spec can't be had: as it was, but for the refusal."""
    blocker = Blocker(why.reason, str(why), fatal=True)
    made = conditions(request, {"Accepted": blocker, "Ready": Blocker(why.reason, f"Accepted: {why}")})
    made[1:1] = [c for c in told_before(request) if c["type"] not in ("Accepted", "Ready")]
    return {**_kept(request), "phase": "Failed", "conditions": made}


def ending(request: SyncRequest) -> Object:
    """The status of a store that is being deleted: what of it is still there, and what holds that."""
    remaining = sorted(request.observed.items())
    if remaining:
        named = "; ".join(_leftover(key, obj) for key, obj in remaining[:NAMED_LEFTOVERS])
        more = f"; and {len(remaining) - NAMED_LEFTOVERS} more" if len(remaining) > NAMED_LEFTOVERS else ""
        message = f"{len(remaining)} objects remain: {named}{more}"
    else:
        message = "nothing remains"
    terminating = stamped(request, "Terminating", "True", "Deleting" if remaining else "Deleted", message)
    not_ready = conditions(request, {"Ready": Blocker("Terminating", message)})
    return {**_kept(request), "phase": "Terminating", "conditions": [terminating, *not_ready]}


def _phase(request: SyncRequest, blocked: Blocker | None, release: Release) -> str:
    if blocked is None:
        return "Ready"
    if release.upgrading:
        return "Upgrading"
    if blocked.fatal:
        return "Failed"
    if release.running:
        return "Degraded"
    return "Provisioning" if request.observed else "Pending"


def _kept(request: SyncRequest) -> Object:
    """What the status said that no refusal or deletion makes untrue."""
    names = (
        "engine",
        "url",
        "adminURL",
        "credentialsSecret",
        "release",
        "deletesAt",
        "lastBackup",
        "backups",
        "restored",
    )
    old = request.parent.get("status")
    return {name: old[name] for name in names if name in old} if isinstance(old, dict) else {}


def _leftover(key: Key, obj: Object) -> str:
    held = [f for f in dig(obj, "metadata", "finalizers") or [] if isinstance(f, str)]
    remaining = [
        str(condition(obj, kind)["message"])
        for kind in ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")
        if condition(obj, kind).get("status") == "True" and condition(obj, kind).get("message")
    ]
    why = [f"held by the finalizer {', '.join(held)}"] if held else []
    return f"{key} ({'; '.join(why + remaining)})" if why or remaining else str(key)
