"""The Store's status: what is observed, in conditions by the Kubernetes conventions, and one word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..settings import Settings
from .progress import Blocker, condition
from .request import Key, Object, SyncRequest, dig
from .staging import Plan
from .store import NotAccepted, Store

NAMED_LEFTOVERS = 5


def living(request: SyncRequest, settings: Settings, store: Store, plan: Plan) -> Object:
    """The status of an accepted store."""
    blocked = plan.first_blocked
    ran = dig(request.parent, "status", "release", "running")
    summary = Blocker(blocked[1].reason, f"{blocked[0]}: {blocked[1].message}") if blocked else None
    admin_path = settings.engines[store.engine].values["adminPath"]
    running = ran if blocked else store.version
    conditions = _conditions(request, {"Accepted": None, **plan.blockers, "Ready": summary})
    if not blocked:
        conditions[-1]["message"] = "; ".join([f"the shop is open at {store.url}", *plan.notes])
    return {
        "phase": _phase(request, blocked[1] if blocked else None, bool(ran)),
        "engine": store.engine,
        "url": store.url,
        **({"adminURL": store.url + admin_path} if admin_path else {}),
        "credentialsSecret": f"{store.namespace}/credentials",
        "release": {"target": store.version, **({"running": running} if running else {})},
        "conditions": conditions,
    }


def refused(request: SyncRequest, why: NotAccepted) -> Object:
    """The status of a store whose spec can't be had: as it was, but for the refusal."""
    blocker = Blocker(why.reason, str(why), fatal=True)
    made = _conditions(request, {"Accepted": blocker, "Ready": Blocker(why.reason, f"Accepted: {why}")})
    made[1:1] = [c for c in _old(request) if c["type"] not in ("Accepted", "Ready")]
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
    terminating = _stamped(request, "Terminating", "True", "Deleting" if remaining else "Deleted", message)
    not_ready = _conditions(request, {"Ready": Blocker("Terminating", message)})
    return {**_kept(request), "phase": "Terminating", "conditions": [terminating, *not_ready]}


def _phase(request: SyncRequest, found: Blocker | None, was_ready: bool) -> str:
    if found is None:
        return "Ready"
    if found.fatal:
        return "Failed"
    if was_ready:
        return "Degraded"
    return "Provisioning" if request.observed else "Pending"


def _kept(request: SyncRequest) -> Object:
    """What the status said that no refusal or deletion makes untrue."""
    names = ("engine", "url", "adminURL", "credentialsSecret", "release")
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


def _conditions(request: SyncRequest, found: Mapping[str, Blocker | None]) -> list[Object]:
    """One condition each, in the given order."""
    return [
        _stamped(request, kind, "False", blocker.reason, blocker.message)
        if blocker
        else _stamped(request, kind, "True", "AsDesired", "")
        for kind, blocker in found.items()
    ]


def _stamped(request: SyncRequest, kind: str, status: str, reason: str, message: str) -> Object:
    """One condition. Its transition time is carried over unless its status flips, or each sync would be a write."""
    old = next((c for c in _old(request) if c["type"] == kind and c.get("status") == status), {})
    generation: Any = dig(request.parent, "metadata", "generation")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": old.get("lastTransitionTime") or request.now,
        **({"observedGeneration": generation} if type(generation) is int else {}),
    }


def _old(request: SyncRequest) -> list[Object]:
    conditions = dig(request.parent, "status", "conditions")
    found = conditions if isinstance(conditions, list) else []
    return [c for c in found if isinstance(c, dict) and isinstance(c.get("type"), str)]
