"""How long something has blocked, and what is said of it when that is too long."""

from __future__ import annotations

from dataclasses import replace

from .clock import seconds_between
from .pods import REMEDIES
from .progress import Blocker
from .request import Object, SyncRequest, dig

# A child is created in the moment it is answered. One that is not there so long after was refused.
REFUSED_SECONDS = 15

# What takes as long as the data is large, and has an end of its own.
UNHURRIED = {"JobRunning", "Stopping"}


def wait(request: SyncRequest, condition: str, found: Blocker, deadline_seconds: float) -> tuple[Blocker, Object]:
    """The blocker as it has to be told now, and what the status has to keep for the next time.

    The second is ``{"for": what is waited for, "since": when that began}``; it begins anew when the spec changes.
    """
    subject = f"{condition}: {found.subject or found.reason}"
    old, generation = request.status.get("waiting"), dig(request.parent, "metadata", "generation")
    same = dig(old, "for") == subject and request.status.get("observedGeneration") == generation
    since: str = dig(old, "since") if same and isinstance(dig(old, "since"), str) else request.now
    seconds = seconds_between(since, request.now)
    if found.reason == "Creating" and seconds >= REFUSED_SECONDS:
        found = _refused(request, found)
    elif seconds >= deadline_seconds and not found.fatal and found.reason not in UNHURRIED:
        found = replace(found, fatal=True, message=f"{found.message}; so for {deadline_seconds:.0f} s")
    if found.fatal and found.reason in REMEDIES:
        found = replace(found, message=f"{found.message}; {REMEDIES[found.reason]}")
    return found, {"for": subject, "since": since}


def _refused(request: SyncRequest, found: Blocker) -> Blocker:
    kind, _, name = found.subject.partition(" ")
    if kind == "Namespace":
        words = f"{found.subject} exists and is not this store's: delete it, or make the store under another name"
        return replace(found, reason="NamespaceTaken", message=words, fatal=True)
    if kind == "Hostname":
        words = f"the host {name} belongs to another store: choose another spec.hostname"
        return replace(found, reason="HostnameTaken", message=words, fatal=True)
    words = (
        f"{found.subject} was asked for and is not there: the cluster refuses it, or has another's of that name; "
        f"kubectl describe store {request.parent['metadata']['name']} shows the refusal"
    )
    return replace(found, reason="ChildRefused", message=words, fatal=True)
