"""One question, one answer."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from typing import Any

from storeplatform.common.objects import namespace_of
from storeplatform.common.times import moment

from ..settings import Settings
from . import guards, integrations, passing, status
from .acceptance import NotAccepted, accept
from .expiry import Expiry, expiry
from .objects import Object, dig
from .render import render
from .request import SyncRequest
from .retention import as_applied
from .staging import close, plan
from .workloads import still_needed

# How soon to be asked again where the status that is answered changes what comes next. Metacontroller does not ask for
# statuses of its own (ignoreStatusChanges in metacontroller/platform/controller.yaml), except of what is being deleted.
NEXT_STEP_SECONDS = 0.5


def sync(request: SyncRequest, settings: Settings) -> Object:
    """What Metacontroller should do: ``status``, ``children``, ``resyncAfterSeconds`` and ``finalized``.

    :raise GuardError: the answer would do harm; nothing may be changed.
    """
    if dig(request.parent, "metadata", "deletionTimestamp"):
        return {
            "status": status.ending(request),
            "children": still_needed(request),
            "resyncAfterSeconds": _resync(request, settings, "changing"),
            # The status that reports the end has to be written first; the store ends with the next request.
            "finalized": not request.observed and status.reported_gone(request),
        }
    answer = _living(request, settings)
    guards.check(request, answer["children"])
    return {
        **answer,
        "resyncAfterSeconds": min(answer["resyncAfterSeconds"], _unwritten(request, settings, answer)),
        # Asked to finalize a live store: it moves to another shard, whose controller finds every child in place.
        "finalized": request.finalizing,
    }


def customize(request: SyncRequest) -> list[Object]:
    """What Metacontroller should send along with a store: the pods of its namespace."""
    namespace = namespace_of(request.parent["metadata"]["name"])
    return [{"apiVersion": "v1", "resource": "pods", "namespace": namespace, "labelSelector": {}}]


def _living(request: SyncRequest, settings: Settings) -> Object:
    end = expiry(request, settings)
    try:
        store, life = accept(request, settings, end)
    except NotAccepted as why:
        # An edit that can't be had takes nothing away from the shop that runs.
        kept = [as_applied(seen) for seen in request.observed.values()]
        return _answer(request, settings, status.refused(request, why), kept)
    stages, expandable = render(settings, store), settings.values["storage"]["expandable"]
    subject = status.Subject(request, settings, store, life, end, stages)
    offered = settings.engines[store.engine].values["integrations"]
    unusable = integrations.unusable(store.connections, settings, offered, life, store.name)
    if life.closed:
        planned = close(stages, request, life.running_migration, expandable)
        planned.optional.update(unusable)
        return _answer(request, settings, status.suspended(subject, planned), planned.children, end)
    planned = plan(stages, request, life.running_migration, expandable)
    planned.optional.update(unusable)
    return _answer(request, settings, status.living(subject, planned), planned.children, end)


def _answer(
    request: SyncRequest, settings: Settings, its_status: Object, children: list[Any], end: Expiry | None = None
) -> Object:
    pace = "settled" if its_status["phase"] in ("Ready", "Suspended") else "changing"
    seconds, now = _resync(request, settings, pace), moment(request.now)
    if end and now and (ahead := end.next_seconds(now)):
        seconds = min(seconds, ahead + 1)
    if as_before := passing.held(request, its_status):
        its_status, seconds = as_before[0], min(seconds, as_before[1])
    return {"status": its_status, "children": children, "resyncAfterSeconds": seconds}


def _unwritten(request: SyncRequest, settings: Settings, answer: Object) -> float:
    """Seconds until the next question where the status that is answered is not the Store's yet; infinite where it is.

    Its write may fail without an error, so a store is settled only once the status was seen. And what the core reads
    from it again, such as a release that was rejected, may have other children follow.
    """
    written = {**answer["status"], "observedGeneration": dig(request.parent, "metadata", "generation")}
    if request.status == written:
        return math.inf
    following = _living(replace(request, parent={**request.parent, "status": written}), settings)
    same = all(following[part] == answer[part] for part in ("status", "children"))
    return _resync(request, settings, "changing") if same else NEXT_STEP_SECONDS


def _resync(request: SyncRequest, settings: Settings, pace: str) -> float:
    """Seconds until the next question, a fifth more or less by the store's uid: never all stores at once."""
    seconds: float = settings.values["resyncSeconds"][pace]
    spread = zlib.crc32(request.parent["metadata"]["uid"].encode()) / 2**32
    return round(seconds * (0.8 + 0.4 * spread), 3)
