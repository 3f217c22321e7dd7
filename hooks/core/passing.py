"""Texts that live for a moment, and that nobody has to read: they are not worth a write of the status.

On its way to ready an object goes through states that differ in their texts alone: it is being made, its controller
has not seen it, its pods are not ready. The first of them stays reported for a while. What ends a stage or needs a
reader is reported at once.
"""

from __future__ import annotations

from storeplatform.common.times import seconds_between

from .conditions import previous_conditions
from .objects import Object, dig
from .request import SyncRequest

# How long the first text of a wait stands for those that follow.
PASSING_SECONDS = 10

# What is reported of an object that takes its regular course.
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
    """The status of before, where ``status`` differs in passing texts alone, and for how many seconds it holds."""
    since = dig(request.status, "waiting", "since")
    age = seconds_between(since, request.now)
    young = isinstance(since, str) and 0 <= age < PASSING_SECONDS
    if not young or "waiting" not in status or not _same_course(request, status):
        return None
    before = {name: value for name, value in request.status.items() if name != "observedGeneration"}
    return before, PASSING_SECONDS - age


def _same_course(request: SyncRequest, status: Object) -> bool:
    """Whether nothing but texts of the regular course has changed since the last status."""
    apart = ("conditions", "waiting", "observedGeneration")
    old = {name: value for name, value in request.status.items() if name not in apart}
    new = {name: value for name, value in status.items() if name not in apart}
    conditions, before = status["conditions"], previous_conditions(request)
    return old == new and len(conditions) == len(before) and all(map(_passing, before, conditions))


def _passing(old: Object, new: Object) -> bool:
    """Whether a condition is as it was, but for a text of the regular course."""
    if old == new:
        return True
    facts = [{name: value for name, value in each.items() if name not in TEXTS} for each in (old, new)]
    return facts[0] == facts[1] and new["reason"] in COURSE
