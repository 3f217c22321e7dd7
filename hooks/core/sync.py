"""Compute the response to one request."""

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

# In seconds: the delay until the next sync if the status in this response determines what comes next. Metacontroller
# does not sync for its own status changes (ignoreStatusChanges in metacontroller/platform/controller.yaml), except
# while a Store is being deleted.
NEXT_STEP_SECONDS = 0.5


def sync(request: SyncRequest, settings: Settings) -> Object:
    """Return Metacontroller's response: ``status``, ``children``, ``resyncAfterSeconds`` and ``finalized``.

    :raise GuardError: the response would do damage; nothing may be changed.
    """
    if dig(request.parent, "metadata", "deletionTimestamp"):
        return {
            "status": status.ending(request),
            "children": still_needed(request),
            "resyncAfterSeconds": _resync(request, settings, "changing"),
            # The status that reports the end has to be written first; the finalizer is removed in response to the next
            # request.
            "finalized": not request.observed and status.reported_gone(request),
        }
    answer = _living(request, settings)
    guards.check(request, answer["children"])
    return {
        **answer,
        "resyncAfterSeconds": min(answer["resyncAfterSeconds"], _unwritten(request, settings, answer)),
        # A finalize request for a live store means that it moves to another shard, whose controller will adopt all
        # children.
        "finalized": request.finalizing,
    }


def customize(request: SyncRequest) -> list[Object]:
    """Return the related objects that Metacontroller should send with a store: the pods of its namespace."""
    namespace = namespace_of(request.parent["metadata"]["name"])
    return [{"apiVersion": "v1", "resource": "pods", "namespace": namespace, "labelSelector": {}}]


def _living(request: SyncRequest, settings: Settings) -> Object:
    end = expiry(request, settings)
    try:
        store, life = accept(request, settings, end)
    except NotAccepted as why:
        # An edit that is not accepted removes nothing from the running shop.
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
    """Return the seconds until the next sync if the status in this response has not been written yet; infinity if it
    has.

    Metacontroller's write may fail without an error, so a store is in steady state only once the status was observed.
    And what the core reads back from it, such as a rejected version, may change the children.
    """
    written = {**answer["status"], "observedGeneration": dig(request.parent, "metadata", "generation")}
    if request.status == written:
        return math.inf
    following = _living(replace(request, parent={**request.parent, "status": written}), settings)
    same = all(following[part] == answer[part] for part in ("status", "children"))
    return _resync(request, settings, "changing") if same else NEXT_STEP_SECONDS


def _resync(request: SyncRequest, settings: Settings, pace: str) -> float:
    """Return the seconds until the next sync, with up to 20 % jitter from the store's UID, so that stores are not
    synced all at once.
    """
    seconds: float = settings.values["resyncSeconds"][pace]
    spread = zlib.crc32(request.parent["metadata"]["uid"].encode()) / 2**32
    return round(seconds * (0.8 + 0.4 * spread), 3)
