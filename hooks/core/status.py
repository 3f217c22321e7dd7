"""Compute the Store's status: conditions by the Kubernetes conventions, and the phase in one word."""

from __future__ import annotations

from dataclasses import dataclass, replace

from storeplatform.common.integrations import RELAY
from storeplatform.common.objects import CREDENTIALS
from storeplatform.common.reasons import remedy
from storeplatform.common.times import seconds_between

from ..settings import Settings
from . import jobs
from .acceptance import NotAccepted
from .conditions import conditions, previous_conditions, stamped
from .deadlines import wait
from .expiry import Expiry, announcement
from .expiry import status as ending_at
from .integrations import status as integrations
from .jobs import BEGINS_SECONDS
from .life import Life, conclude, resumed
from .measured import first_ready, usage
from .objects import Key, Object, dig, mappings
from .progress import Blocker, condition
from .render import RenderedStage
from .request import SyncRequest
from .staging import Desired
from .store import Store

NAMED_LEFTOVERS = 5

# Fields of the status that apply only while the store holds its host.
ADDRESSES = ("url", "adminURL")

# What to do about a failed check, by its condition.
ADVICE = {
    "RestoreChecked": "the shop stays open with the data it has: name another backup in spec.restoreFrom, or remove it",
    "PaymentsReady": "the shop stays open with its other ways to pay: set the payment provider's keys again",
    "BackupMade": "the shop stays open: set spec.backup.requestedAt to the present time to try again",
    "MailReady": "mails are kept until they can be sent: set the mail server's fields again",
}
RELAY_ADVICE = "mails are kept until they can be sent: ask the platform team, or set a mail server of your own"


@dataclass(frozen=True)
class Subject:
    """What a status is computed from: the request, and everything that was decided for it."""

    request: SyncRequest
    settings: Settings
    store: Store
    life: Life
    expiry: Expiry | None
    stages: tuple[RenderedStage, ...]


def living(about: Subject, plan: Desired) -> Object:
    """Return the status of an accepted store that should be open."""
    request, settings, life = about.request, about.settings, about.life
    blockers, cause, blocked, waiting = dict(plan.blockers), None, None, None
    if plan.first_blocked:
        name, found = plan.first_blocked
        found, waiting = wait(request, name, found, settings.values["progressDeadlineSeconds"])
        cause = replace(found, message=f"{name}: {found.message}")
        found = _restore_failed(life, found) if name == "Restored" and found.reason == "JobFailed" else found
        blockers[name] = found
        blocked = replace(found, message=f"{name}: {found.message}")
    if _closed_until_now(request):
        life = resumed(life, request.now)
    outcome = conclude(life, cause, request.now, settings.values["upgradeDeadlineSeconds"])
    advice = {**ADVICE, **{each.condition: RELAY_ADVICE for each in about.store.connections if each.provider == RELAY}}
    optional = {kind: _optional(found, advice.get(kind, "")) for kind, found in plan.optional.items()}
    notes = [f"{kind}: {found.message}" for kind, found in optional.items() if found and found.fatal]
    is_open = "; ".join([f"the shop is open at {about.store.url}", *notes, *plan.notes])
    reported = [
        *conditions(request, {"Accepted": None, **blockers, **optional}),
        *_temporary(about, outcome),
        _progressing(request, blocked or next(filter(None, optional.values()), None)),
        *conditions(request, {"Ready": blocked}, is_open),
    ]
    return {
        **_lasting(about),
        **first_ready(request, ready=blocked is None),
        **outcome.status,
        "phase": _phase(request, blocked, life),
        "conditions": reported,
        **({"waiting": waiting} if waiting else {}),
    }


def suspended(about: Subject, plan: Desired) -> Object:
    """Return the status of a store that is suspended or has expired, or is closing."""
    request, life = about.request, about.life
    found = [*plan.blockers.values(), *plan.optional.values()]
    left = next((each for each in found if each and each.reason == "Stopping"), None)
    suspended = dig(request.parent, "spec", "suspended") is True
    expired = announcement(about.expiry, request)
    if expired and not suspended:
        ready = Blocker(*expired)
    elif left:
        ready = Blocker("Suspending", f"the shop is closing: {left.message}")
    else:
        ready = Blocker("Suspended", "the shop is closed and keeps its data")
    if suspended:
        ready = replace(ready, message=f"{ready.message}; set spec.suspended to false to open it")
    return {
        **_lasting(about),
        **first_ready(request, ready=False),
        **life.status,
        "phase": "Suspending" if left else "Suspended",
        "conditions": [
            *conditions(request, {"Accepted": None, **plan.blockers, **plan.optional}),
            *_temporary(about, life),
            *conditions(request, {"Ready": ready}),
        ],
    }


def reported_gone(request: SyncRequest) -> bool:
    """Whether the status of a deleted store reports that no children remain."""
    return any(c["type"] == "Terminating" and c.get("reason") == "Deleted" for c in previous_conditions(request))


def _lasting(about: Subject) -> Object:
    """Return the fields that do not depend on the store's progress."""
    store = about.store
    return {
        "engine": store.engine,
        **_addresses(about),
        "credentialsSecret": f"{store.namespace}/{CREDENTIALS}",
        **ending_at(about.expiry),
        **_backups(about),
        **integrations(store.connections, about.request),
    }


def _addresses(about: Subject) -> Object:
    """Return the shop's addresses.

    They use a host that this store holds: the Ingress's host once there is an Ingress.
    """
    store, observed = about.store, about.request.observed
    held = _held(about.request)
    rules = [rule for key, seen in observed.items() if key.kind == "Ingress" for rule in _rules(seen)]
    served = [str(rule.get("host")) for rule in rules if rule.get("host") in held]
    host = next(iter(served), store.hostname if store.hostname in held else "")
    if not host:
        return {}
    url = replace(store, hostname=host).url
    admin_path = about.settings.engines[store.engine].values["adminPath"]
    return {"url": url, **({"adminURL": url + admin_path} if admin_path else {})}


def _held(request: SyncRequest) -> set[str]:
    """Return the hosts that the store holds."""
    return {key.name for key in request.observed if key.kind == "Hostname"}


def _rules(ingress: Object) -> list[Object]:
    return mappings(dig(ingress, "spec", "rules"))


def _backups(about: Subject) -> Object:
    """Return the times of the newest backups, newest first: from the CronJobs of the role "backup" (the last run), the
    Job of a requested backup, and the previous status. What they reported is added.
    """
    keys = [m.key for stage in about.stages if stage.role == "backup" for m in stage.manifests]
    said = about.request.status.get("backups")
    times = [time for time in said if isinstance(time, str)] if isinstance(said, list) else []
    last = [dig(about.request.observed.get(key), "status", "lastSuccessfulTime") for key in keys]
    for time in (*last, *jobs.saved(about.request)):
        if isinstance(time, str) and time not in times:
            times = sorted([time, *times], reverse=True)
    times = times[: about.store.backup_keep]
    return {**({"backups": times} if times else {}), **usage(about.request, times)}


def _temporary(about: Subject, life: Life) -> list[Object]:
    """Return the conditions that exist only while they have something to report."""
    expiring = announcement(about.expiry, about.request)
    return [
        *_upgrade_failed(about.request, life),
        *_retired(about, life),
        *_backup_failed(about),
        *([stamped(about.request, "Expiring", "True", *expiring)] if expiring else []),
    ]


def _upgrade_failed(request: SyncRequest, life: Life) -> list[Object]:
    """Return one condition while a version is rejected, else none."""
    release = life.release
    if not release.rejected:
        return []
    message = (
        f"{release.rejected} was rejected ({release.message}), and {release.target} replaces it; "
        f"{release.rejected} is not tried again until spec.version changes"
    )
    return [stamped(request, "UpgradeFailed", "True", "Rejected", message)]


def _backup_failed(about: Subject) -> list[Object]:
    """Return one condition while the last scheduled backup has failed, else none."""
    keys = [m.key for stage in about.stages if stage.role == "backup" for m in stage.manifests]
    for seen in (about.request.observed.get(key) for key in keys if key.kind == "CronJob"):
        begun, done = dig(seen, "status", "lastScheduleTime"), dig(seen, "status", "lastSuccessfulTime")
        # The time of a success is when it ended. Another run may be about to start.
        waits = dig(seen, "status", "active") or seconds_between(begun, about.request.now) < BEGINS_SECONDS
        if isinstance(begun, str) and not waits and (not isinstance(done, str) or done < begun):
            message = f"the backup that began at {begun} failed: {remedy('BackupFailed')}"
            return [stamped(about.request, "BackupFailed", "True", "BackupFailed", message)]
    return []


def _retired(about: Subject, life: Life) -> list[Object]:
    """Return one condition while the running version is retired, else none."""
    engine, running = about.settings.engines[about.store.engine], life.release.running
    if running not in engine.retired:
        return []
    message = (
        f"{engine.values['title']} {running} is retired and gets no more fixes: "
        f"set spec.version to {' or '.join(engine.offered)}"
    )
    return [stamped(about.request, "VersionRetired", "True", "Retired", message)]


def _optional(found: Blocker | None, advice: str) -> Blocker | None:
    """Return the conditions of optional checks that failed, with what to do. A failed check has changed nothing."""
    if found is None or found.reason != "JobFailed":
        return found
    return replace(found, message=f"{found.message}; {advice or 'the shop stays open without it'}")


def _closed_until_now(request: SyncRequest) -> bool:
    """Whether the store was closed in the previous status.

    Refusals and failures keep its conditions, so they are skipped.
    """
    return not any(c["type"] == "Progressing" for c in previous_conditions(request))


def _restore_failed(life: Life, found: Blocker) -> Blocker:
    """Return the condition of a failed restore, with what its owner can do, who has no access to the Job."""
    removed = ", or remove it" if life.checked else ""
    return replace(found, message=f"{found.message}, or name another backup in spec.restoreFrom{removed}")


def _progressing(request: SyncRequest, blocked: Blocker | None) -> Object:
    """Return the condition Progressing: False once the store is ready, or can't continue on its own."""
    if blocked is None:
        return stamped(request, "Progressing", "False", "AsDesired", "")
    return stamped(request, "Progressing", "False" if blocked.fatal else "True", blocked.reason, blocked.message)


def refused(request: SyncRequest, why: NotAccepted) -> Object:
    """Return the status of a store whose spec is not accepted: the previous one, with the reason."""
    blocker = Blocker(why.reason, str(why), fatal=True)
    made = conditions(request, {"Accepted": blocker, "Ready": Blocker(why.reason, f"Accepted: {why}")})
    made[1:1] = [c for c in previous_conditions(request) if c["type"] not in ("Accepted", "Ready", "Reconciled")]
    return {**_kept(request), "phase": "Failed", "conditions": made}


def ending(request: SyncRequest) -> Object:
    """Return the status of a store that is being deleted: which children remain, and what holds them."""
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


def _phase(request: SyncRequest, blocked: Blocker | None, life: Life) -> str:
    if blocked is None:
        return "Ready"
    if life.release.upgrading:
        return "Upgrading"
    if blocked.fatal:
        return "Failed"
    if life.release.running:
        return "Degraded"
    return "Provisioning" if request.observed else "Pending"


def _kept(request: SyncRequest) -> Object:
    """Return the parts of the previous status that remain true after a refusal or during a deletion."""
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
        "restoredRequest",
        "restores",
        "integrations",
        "firstReady",
        "usage",
        "backupSizes",
    )
    held = any(str(request.status.get("url", "")).endswith(f"://{host}") for host in _held(request))
    return {name: value for name in names if (value := request.status.get(name)) and (held or name not in ADDRESSES)}


def _leftover(key: Key, obj: Object) -> str:
    held = [f for f in dig(obj, "metadata", "finalizers") or [] if isinstance(f, str)]
    remaining = [
        str(condition(obj, kind)["message"])
        for kind in ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")
        if condition(obj, kind).get("status") == "True" and condition(obj, kind).get("message")
    ]
    why = [f"held by the finalizer {', '.join(held)}"] if held else []
    return f"{key} ({'; '.join(why + remaining)})" if why or remaining else str(key)
