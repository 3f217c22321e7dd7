"""The Jobs of a store: the request that each was made for, and its progress.

A Job is the only evidence that data was backed up, restored or migrated: until it is observed ``Complete``, the work is
not done. Fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
"""

from __future__ import annotations

from storeplatform.common.objects import GROUP
from storeplatform.common.times import seconds_between

from .objects import Object, dig
from .pods import running, selected, started
from .progress import holds, number
from .request import SyncRequest

# The annotation for the request that a Job was made for: "backup ...", "check ...", "restore ...", "snapshot ..." or
# "migrate ...".
REQUEST = f"{GROUP}/request"

# In seconds. If a Job's pod has not started by then, it is assumed that it will not.
BEGINS_SECONDS = 600


def request_of(job: Object) -> str:
    """Return the request that a Job was made for; "" if none."""
    found = dig(job, "metadata", "annotations", REQUEST)
    return found if isinstance(found, str) else ""


def complete(job: Object) -> bool:
    """Whether the Job was observed with the condition Complete."""
    return holds(job, "Complete")


def failed(job: Object) -> bool:
    """Whether the Job was observed with the condition Failed."""
    return holds(job, "Failed")


def finished(job: Object) -> bool:
    """Whether the Job creates no more pods, because it is complete or has failed."""
    return complete(job) or failed(job)


def answering(request: SyncRequest, wanted: str) -> list[Object]:
    """Return the observed Jobs for a request, complete ones first."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and request_of(seen) == wanted]
    return sorted(found, key=complete, reverse=True)


def done(request: SyncRequest, wanted: str) -> bool:
    """Whether a Job for this request was observed complete."""
    return any(map(complete, answering(request, wanted)))


def done_restores(request: SyncRequest) -> list[Object]:
    """Return the observed Jobs that have restored an archive."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and complete(seen)]
    return [seen for seen in found if request_of(seen).startswith("restore ")]


def records(request: SyncRequest) -> list[Object]:
    """Return the Jobs to keep as records of restores: all that the status does not count yet."""
    counted = request.status.get("restores")
    return [job for job in done_restores(request) if type(counted) is not int or _number(job) >= counted]


def saved(request: SyncRequest) -> list[str]:
    """Return the times at which the observed Jobs for a requested backup were complete."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and complete(seen)]
    times = [dig(seen, "status", "completionTime") for seen in found if request_of(seen).startswith("backup ")]
    return [time for time in times if isinstance(time, str)]


def _number(job: Object) -> int:
    number = request_of(job).partition("#")[2].partition(" ")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def touched(job: Object, request: SyncRequest) -> bool:
    """Whether the Job may have changed anything. If its image was never pulled, it has not."""
    if any(number(job, "status", count) for count in ("failed", "succeeded", "ready")):
        return True
    pods = selected(request.pods, job)
    return number(job, "status", "active") > 0 and (not request.pods or any(map(started, pods)))


def at_work(job: Object, request: SyncRequest) -> bool:
    """Whether a pod of the Job is running, or may be. If pods are not known, this is assumed for some time."""
    if finished(job):
        return False
    if any(number(job, "status", count) for count in ("ready", "terminating")):
        return True
    if request.pods:
        return any(map(running, selected(request.pods, job)))
    age = seconds_between(dig(job, "status", "startTime"), request.now)
    return number(job, "status", "active") > 0 and age < BEGINS_SECONDS


def has_pods(job: Object) -> bool:
    """Whether the Job has pods in any state."""
    return any(number(job, "status", count) for count in ("active", "terminating"))
