"""Determine how long something has blocked a store, and what to report once that is too long."""

from __future__ import annotations

from dataclasses import replace

from storeplatform.common.reasons import remedy
from storeplatform.common.times import seconds_between

from .objects import Object, dig
from .progress import Blocker
from .request import SyncRequest

# In seconds. Metacontroller creates children right after each response. One that is still not observed after this time
# was rejected.
REFUSED_SECONDS = 15


def wait(request: SyncRequest, condition: str, found: Blocker, deadline_seconds: float) -> tuple[Blocker, Object]:
    """Return the blocker to report now, and what the status must keep for the next sync.

    The second is ``{"for": what is waited for, "since": when that began}``. The time restarts when the spec changes,
    when the object was created after it, and when a different kind of progress is waited for: that an object exists,
    that its work ends, or that it becomes ready.
    """
    subject = f"{condition}: {found.subject or found.reason}{_kind_of_progress(found)}"
    old, generation = request.status.get("waiting"), dig(request.parent, "metadata", "generation")
    same = dig(old, "for") == subject and request.status.get("observedGeneration") == generation
    since: str = dig(old, "since") if same and isinstance(dig(old, "since"), str) else request.now
    if seconds_between(since, found.since) > 0:
        since = found.since
    seconds = seconds_between(since, request.now)
    if found.reason == "Creating" and seconds >= REFUSED_SECONDS:
        found = _refused(request, found)
    elif seconds >= deadline_seconds and not found.fatal and not _works(found):
        found = replace(found, fatal=True, message=f"{found.message} (for the last {deadline_seconds:.0f} s)")
    if found.fatal and (advice := remedy(found.reason)) and advice not in found.message:
        found = replace(found, message=f"{found.message}; {advice}")
    return found, {"for": subject, "since": since}


def _kind_of_progress(found: Blocker) -> str:
    if found.reason == "Creating":
        return " is created"
    return " is done" if _works(found) else ""


def _works(found: Blocker) -> bool:
    """Whether a Job is waited for: its duration depends on the size of the data, and its retries are limited."""
    return found.reason == "JobRunning" or (found.reason == "ContainerFailed" and found.subject.startswith("Job "))


def _refused(request: SyncRequest, found: Blocker) -> Blocker:
    kind, _, name = found.subject.partition(" ")
    if kind == "Namespace":
        words = f"{found.subject} exists, but does not belong to this store: {remedy('NamespaceTaken')}"
        return replace(found, reason="NamespaceTaken", message=words, fatal=True)
    if kind == "Hostname":
        words = f"the host {name} belongs to another store: {remedy('HostnameTaken')}"
        return replace(found, reason="HostnameTaken", message=words, fatal=True)
    name = request.parent["metadata"]["name"]
    words = (
        f"{found.subject} was applied, but does not exist: the cluster refuses it, or an object of that name belongs "
        f"to something else; {remedy('ChildRefused').replace('store', f'store {name}', 1)}"
    )
    return replace(found, reason="ChildRefused", message=words, fatal=True)
