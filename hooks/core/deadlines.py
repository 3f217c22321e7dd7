"""How long something has blocked, and what is reported of it when that is too long."""

from __future__ import annotations

from dataclasses import replace

from storeplatform.common.reasons import remedy
from storeplatform.common.times import seconds_between

from .objects import Object, dig
from .progress import Blocker
from .request import SyncRequest

# A child is created as soon as it is answered. One that is not observed so long after was refused.
REFUSED_SECONDS = 15


def wait(request: SyncRequest, condition: str, found: Blocker, deadline_seconds: float) -> tuple[Blocker, Object]:
    """The blocker as it has to be reported now, and what the status has to keep for the next time.

    The second is ``{"for": what is waited for, "since": when that began}``. It begins anew when the spec changes, when
    the object was created later, and when what is waited for is another kind of progress: that an object comes, that
    its work ends, that it becomes ready.
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
    """Whether it takes as long as the data is large, and has an end of its own: a Job's number of tries."""
    return found.reason == "JobRunning" or (found.reason == "ContainerFailed" and found.subject.startswith("Job "))


def _refused(request: SyncRequest, found: Blocker) -> Blocker:
    kind, _, name = found.subject.partition(" ")
    if kind == "Namespace":
        words = f"{found.subject} exists and is not this store's: {remedy('NamespaceTaken')}"
        return replace(found, reason="NamespaceTaken", message=words, fatal=True)
    if kind == "Hostname":
        words = f"the host {name} belongs to another store: {remedy('HostnameTaken')}"
        return replace(found, reason="HostnameTaken", message=words, fatal=True)
    name = request.parent["metadata"]["name"]
    words = (
        f"{found.subject} was applied and does not exist: the cluster refuses it, or has one of that name that belongs "
        f"to something else; {remedy('ChildRefused').replace('store', f'store {name}', 1)}"
    )
    return replace(found, reason="ChildRefused", message=words, fatal=True)
