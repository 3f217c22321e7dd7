"""Avoid writing the status for transient messages that nobody needs to read.

On its way to ready, an object passes through states that differ only in their messages: it is being created, its
controller has not seen it, its pods are not ready. The first message is kept for some time. The end of a stage, and
whatever needs attention, is reported at once.
"""

from __future__ import annotations

from storeplatform.common.times import seconds_between

from .conditions import previous_conditions
from .objects import Object, dig
from .request import SyncRequest

# In seconds: how long the first transient message is kept.
PASSING_SECONDS = 10

# The reasons that are reported of an object whose progress is normal.
COURSE = {
    "Creating",
    "JobRunning",
    "NamespaceNotActive",
    "PodsNotReady",
    "RollingOut",
    "Updating",
    "VolumePending",
    "Waiting",
}
TEXTS = ("reason", "message")


def held(request: SyncRequest, status: Object) -> tuple[Object, float] | None:
    """Return the previous status, and the seconds to keep it, if ``status`` differs only in transient messages."""
    since = dig(request.status, "waiting", "since")
    age = seconds_between(since, request.now)
    young = isinstance(since, str) and 0 <= age < PASSING_SECONDS
    if not young or "waiting" not in status or not _same_course(request, status):
        return None
    before = {name: value for name, value in request.status.items() if name != "observedGeneration"}
    return before, PASSING_SECONDS - age


def _same_course(request: SyncRequest, status: Object) -> bool:
    """Whether only transient messages have changed since the previous status."""
    apart = ("conditions", "waiting", "observedGeneration")
    old = {name: value for name, value in request.status.items() if name not in apart}
    new = {name: value for name, value in status.items() if name not in apart}
    conditions, before = status["conditions"], previous_conditions(request)
    return old == new and len(conditions) == len(before) and all(map(_passing, before, conditions))


def _passing(old: Object, new: Object) -> bool:
    """Whether a condition is unchanged except for a transient message."""
    if old == new:
        return True
    facts = [{name: value for name, value in each.items() if name not in TEXTS} for each in (old, new)]
    return facts[0] == facts[1] and new["reason"] in COURSE
