"""What stays of a store that is not to be open: while it sleeps, and while it is deleted."""

from __future__ import annotations

from .keeping import as_applied, protected, update
from .progress import Blocker
from .render import Stage
from .request import Key, Object, SyncRequest
from .staging import Plan, leftovers
from .workloads import WORKLOADS, WRITING, serving, stopping, without_pods


def suspend(stages: tuple[Stage, ...], request: SyncRequest, expandable: bool) -> Plan:
    """What stays while a store sleeps: all that is there, workloads without pods. Nothing new is made.

    The database goes last, so that what uses it ends in good order.
    """
    result = Plan()
    in_use = serving(stages, request)
    for stage in stages:
        for manifest in stage.manifests:
            seen = request.observed.get(manifest.key)
            if seen is None:
                result.judge(stage.condition, Blocker("Suspended", "is not made while the store is suspended"))
                continue
            if manifest.key.kind == "StatefulSet" and in_use:
                result.children.append(as_applied(seen))
            else:
                result.children.append(_asleep(update(manifest, seen, expandable, result.notes)))
            result.judge(stage.condition, _sleeping(manifest.key, seen))
    result.children += leftovers(stages, request, everything=True)
    return result


def still_needed(request: SyncRequest) -> list[Object]:
    """What a deleted store is asked to keep for now: its data, until all that may write to it is gone."""
    if not any(key.kind in WRITING for key in request.observed):
        return []
    return [as_applied(seen) for key, seen in request.observed.items() if protected(key, seen)]


def _sleeping(key: Key, seen: Object) -> Blocker | None:
    if key.kind not in WORKLOADS:
        return None
    return stopping(key, seen) or Blocker("Suspended", f"{key} has no pods")


def _asleep(wanted: Object) -> Object:
    if wanted["kind"] == "CronJob":
        return {**wanted, "spec": {**wanted["spec"], "suspend": True}}
    return without_pods(wanted) if wanted["kind"] in WORKLOADS else wanted
