"""The workloads of a store: which have pods, and which may still write data."""

from __future__ import annotations

from collections.abc import Iterable

from storeplatform.common.times import seconds_between

from .jobs import BEGINS_SECONDS, finished
from .objects import Key, Object, dig, mappings
from .pods import ended, running, selected
from .progress import Blocker, number
from .render import RenderedStage
from .request import SyncRequest
from .retention import as_applied, protected

SERVING = {"Deployment", "CronJob"}
WORKLOADS = {*SERVING, "StatefulSet"}
WRITING = {*SERVING, "Job"}


def without_pods(workload: Object) -> Object:
    """Return the workload scaled to no pods; any other object unchanged."""
    if workload["kind"] not in WORKLOADS or not isinstance(workload.get("spec"), dict):
        return workload
    idle = {"suspend": True} if workload["kind"] == "CronJob" else {"replicas": 0}
    return {**workload, "spec": {**workload["spec"], **idle}}


def stuck(key: Key, seen: Object, request: SyncRequest) -> bool:
    """Whether a StatefulSet waits for an unavailable pod that has to be replaced, which would take forever: it replaces
    only available pods (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback). Scaled
    to zero and back, it creates the new pod.
    """
    status = dig(seen, "status")
    if key.kind != "StatefulSet" or number(status, "observedGeneration") < number(seen, "metadata", "generation"):
        return False
    outdated = number(status, "replicas") > number(status, "updatedReplicas")
    waiting = [pod for pod in selected(request.pods, seen) if not dig(pod, "metadata", "deletionTimestamp")]
    return outdated and bool(waiting) and not number(status, "availableReplicas")


def stopped(job: Object) -> Object:
    """Return the Job as it was last applied, but suspended: its controller ends its pods."""
    applied = as_applied(job)
    return {**applied, "spec": {**(applied.get("spec") or {}), "suspend": True}}


def idle(seen: Object) -> Object:
    """Return the object as it was last applied, but without pods if it uses the data."""
    if seen["kind"] == "Job":
        return as_applied(seen) if finished(seen) else stopped(seen)
    return without_pods(as_applied(seen)) if seen["kind"] in SERVING else as_applied(seen)


def serving(stages: Iterable[RenderedStage], request: SyncRequest) -> Blocker | None:
    """Return the first Deployment, CronJob or Job of these stages that has pods, and so uses the database."""
    keys = [m.key for stage in stages for m in stage.manifests if m.key.kind in WRITING]
    seen = ((key, request.observed[key]) for key in keys if key in request.observed)
    return next((found for key, obj in seen if (found := stopping(key, obj, request))), None)


def stopping(key: Key, seen: Object, request: SyncRequest) -> Blocker | None:
    """Return why a workload that is being stopped still has pods; None once it has none."""
    count = {"CronJob": _cron_pods, "Job": _job_pods}.get(key.kind, _pods)
    pods = count(seen, request)
    if not pods and not _starts_more(key, seen):
        return None
    return Blocker("Stopping", f"{key} still has {pods} pods", subject=str(key))


def still_needed(request: SyncRequest) -> list[Object]:
    """Return what to keep of a deleted store for now: its data, until everything that may write to it is gone."""
    if not any(key.kind in WRITING for key in request.observed):
        return []
    return [as_applied(seen) for key, seen in request.observed.items() if protected(key, seen)]


def _starts_more(key: Key, seen: Object) -> bool:
    """Whether the workload's controller may still create pods."""
    if key.kind == "Job":
        return not finished(seen) and dig(seen, "spec", "suspend") is not True
    if key.kind == "CronJob":
        return dig(seen, "spec", "suspend") is not True
    behind = number(seen, "status", "observedGeneration") < number(seen, "metadata", "generation")
    return behind or number(seen, "spec", "replicas") > 0


def _pods(seen: Object, request: SyncRequest) -> int:
    """Return the number of pods.

    A pod that is shutting down is counted only in ``terminatingReplicas``, if at all, and still serves.
    """
    counted = number(seen, "status", "replicas") + number(seen, "status", "terminatingReplicas")
    return max(counted, sum(not ended(pod) for pod in selected(request.pods, seen)))


def _job_pods(seen: Object, _: SyncRequest) -> int:
    return number(seen, "status", "active") + number(seen, "status", "terminating")


def _cron_pods(seen: Object, request: SyncRequest) -> int:
    """Return the number of active runs of a CronJob.

    A run that can't start without the backend's node is not counted.
    """
    active = {dig(ref, "name") for ref in mappings(dig(seen, "status", "active"))}
    if request.pods:
        named = [
            pod for pod in request.pods if dig(pod, "metadata", "labels", "batch.kubernetes.io/job-name") in active
        ]
        return sum(map(running, named))
    age = seconds_between(dig(seen, "status", "lastScheduleTime"), request.now)
    return len(active) if age < BEGINS_SECONDS else 0
