"""One question, one answer."""

from __future__ import annotations

import zlib
from typing import Any

from ..settings import Settings
from . import guards, status
from .render import render
from .request import Object, SyncRequest, dig
from .staging import as_applied, plan, suspend
from .store import NotAccepted, accept, namespace_of, suspended


def sync(request: SyncRequest, settings: Settings) -> Object:
    """What Metacontroller should do: ``status``, ``children``, ``resyncAfterSeconds`` and ``finalized``.

    :raise GuardError: the answer would do harm; nothing may be changed.
    """
    if dig(request.parent, "metadata", "deletionTimestamp"):
        return {
            "status": status.ending(request),
            "children": [],
            "resyncAfterSeconds": _resync(request, settings, "changing"),
            "finalized": not request.observed,
        }
    answer = _living(request, settings)
    guards.check(request, answer["children"])
    # Asked to finalize a live store: it moves to another shard, whose controller finds every child in place.
    return {**answer, "finalized": request.finalizing}


def customize(request: SyncRequest) -> list[Object]:
    """What Metacontroller should send along with a store: the pods of its namespace."""
    namespace = namespace_of(request.parent["metadata"]["name"])
    return [{"apiVersion": "v1", "resource": "pods", "namespace": namespace, "labelSelector": {}}]


def _living(request: SyncRequest, settings: Settings) -> Object:
    try:
        store, release = accept(request, settings)
    except NotAccepted as why:
        # An edit that can't be had takes nothing away from the shop that runs.
        kept = [as_applied(seen) for seen in request.observed.values()]
        return _answer(request, settings, status.refused(request, why), kept)
    stages, expandable = render(settings, store), settings.values["storage"]["expandable"]
    if suspended(request):
        planned = suspend(stages, request, expandable)
        return _answer(request, settings, status.sleeping(request, settings, store, release, planned), planned.children)
    planned = plan(stages, request, expandable)
    return _answer(request, settings, status.living(request, settings, store, release, planned), planned.children)


def _answer(request: SyncRequest, settings: Settings, its_status: Object, children: list[Any]) -> Object:
    pace = "settled" if its_status["phase"] in ("Ready", "Suspended") else "changing"
    return {
        "status": its_status,
        "children": children,
        "resyncAfterSeconds": _resync(request, settings, pace),
    }


def _resync(request: SyncRequest, settings: Settings, pace: str) -> float:
    """Seconds until the next question, a fifth more or less by the store's uid: never all stores at once."""
    seconds: float = settings.values["resyncSeconds"][pace]
    spread = zlib.crc32(request.parent["metadata"]["uid"].encode()) / 2**32
    return round(seconds * (0.8 + 0.4 * spread), 3)
