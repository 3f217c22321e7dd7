"""The progress of one observed object, from its kind's status fields:
https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from storeplatform.common.reasons import remedy

from .hosts import unproven
from .objects import Key, Object, dig, mappings
from .pods import cause, mounting, selected, unscheduled


@dataclass(frozen=True)
class Blocker:
    """Why an object is not in its desired state.

    ``fatal``: this lasts until somebody acts. ``subject``: the object. ``since``: when the object was created, "" if
    not known; it can't have blocked anything before.
    """

    reason: str
    message: str
    fatal: bool = False
    subject: str = ""
    since: str = ""


def blocker(key: Key, observed: Object, pods: Sequence[Object] = (), now: str = "") -> Blocker | None:
    """Return what keeps ``observed`` from being ready or done; None if nothing does.

    :param pods: the namespace's pods, if known: their messages take precedence over the object's own counts.
    :param now: the current time, to ignore crashes of long ago.
    """
    if dig(observed, "metadata", "deletionTimestamp"):
        return Blocker("BeingDeleted", f"{key} is being deleted and will be created again", subject=str(key))
    check = _CHECKS.get(key.kind)
    found = check(key, observed) if check else None
    if found is None:
        return None
    born = dig(observed, "metadata", "creationTimestamp")
    return replace(_explained(found, key, observed, pods, now), subject=str(key), since=str(born or ""))


def _explained(found: Blocker, key: Key, observed: Object, pods: Sequence[Object], now: str) -> Blocker:
    if key.kind == "PersistentVolumeClaim":
        words = next(filter(None, map(unscheduled, mounting(pods, key.name))), "")
        return replace(found, message=f"{found.message}: {words}") if words else found
    why = cause(selected(pods, observed), now)
    if why is None or found.reason in ("QuotaExceeded", "PodRefused"):
        return found
    reason = "JobFailed" if found.reason == "JobFailed" else why.reason
    words = f"{key}: {why.message}" if reason != "JobFailed" else f"{found.message} ({why.message})"
    return replace(found, reason=reason, message=words)


def condition(observed: Object, kind: str) -> Object:
    """Return the object's own condition of that type; empty if it has none."""
    conditions = mappings(dig(observed, "status", "conditions"))
    return next((c for c in conditions if c.get("type") == kind), {})


def holds(observed: Object, kind: str) -> bool:
    """Whether the object's condition of that type is True."""
    return condition(observed, kind).get("status") == "True"


def number(observed: Object, *path: str) -> int:
    """Return a number in the object's status or spec; 0 if it is absent."""
    value = dig(observed, *path)
    return value if type(value) is int else 0


def _namespace(key: Key, observed: Object) -> Blocker | None:
    if dig(observed, "status", "phase") == "Active":
        return None
    return Blocker("NamespaceNotActive", f"{key} is not active yet")


def _claim(key: Key, observed: Object) -> Blocker | None:
    phase = dig(observed, "status", "phase")
    if phase == "Bound":
        return None
    if phase == "Lost":
        return Blocker("VolumeLost", f"{key} has lost its volume: {remedy('VolumeLost')}", fatal=True)
    return Blocker("VolumePending", f"{key} waits for its volume")


def _job(key: Key, observed: Object) -> Blocker | None:
    if holds(observed, "Complete"):
        return None
    if holds(observed, "Failed"):
        said = _said(condition(observed, "Failed"))
        return Blocker("JobFailed", f"{key} failed: {said}; {remedy('JobFailed')}", fatal=True)
    retries = number(observed, "status", "failed")
    return Blocker("JobRunning", f"{key} is running" + (f", {retries} attempts have failed" if retries else ""))


def _deployment(key: Key, observed: Object) -> Blocker | None:
    if holds(observed, "ReplicaFailure"):
        said = _said(condition(observed, "ReplicaFailure"))
        return Blocker("QuotaExceeded" if "exceeded quota" in said else "PodRefused", f"{key}: {said}")
    if condition(observed, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        stuck = condition(observed, "Progressing")
        return Blocker("ProgressDeadlineExceeded", f"{key}: {_said(stuck)}", fatal=True)
    return _pods(key, observed)


def _pods(key: Key, observed: Object) -> Blocker | None:
    wanted = number(observed, "spec", "replicas")
    if number(observed, "status", "observedGeneration") < number(observed, "metadata", "generation"):
        return Blocker("RollingOut", f"{key} has a change that its controller has not seen yet")
    updated = number(observed, "status", "updatedReplicas")
    if updated < wanted:
        return Blocker("RollingOut", f"{key}: {updated} of {wanted} pods are up to date")
    available = number(observed, "status", "availableReplicas")
    if available < wanted:
        return Blocker("PodsNotReady", f"{key}: {available} of {wanted} pods are ready")
    if number(observed, "status", "replicas") > wanted:
        return Blocker("RollingOut", f"{key}: old pods are still ending")
    return None


def _said(own: Object) -> str:
    return str(own.get("message") or own.get("reason") or "no reason is given").rstrip(".")


def _hostname_claim(_: Key, observed: Object) -> Blocker | None:
    message = unproven(observed)
    return Blocker("HostnameUnverified", message, fatal=True) if message else None


_CHECKS: dict[str, Callable[[Key, Object], Blocker | None]] = {
    "Deployment": _deployment,
    "HostnameClaim": _hostname_claim,
    "Job": _job,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "StatefulSet": _pods,
}
