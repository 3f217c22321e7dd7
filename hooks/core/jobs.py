"""The Jobs of a store: what each was made for, and how far its work is.

A Job is the only place where it can be seen that data was backed up, restored or migrated. What has not been observed
``Complete`` is not done. The fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
"""

from __future__ import annotations

from storeplatform.common.objects import GROUP
from storeplatform.common.times import seconds_between

from .objects import Object, dig
from .pods import running, selected, started
from .progress import holds, number
from .request import SyncRequest

# On a Job: the one request that it answers, "backup ...", "check ...", "restore ...", "snapshot ..." or "migrate ...".
REQUEST = f"{GROUP}/request"

# A pod of a Job that has not begun so long after the Job did is not about to.
BEGINS_SECONDS = 600


def request_of(job: Object) -> str:
    """The request that a Job answers; empty where it answers none."""
    found = dig(job, "metadata", "annotations", REQUEST)
    return found if isinstance(found, str) else ""


def complete(job: Object) -> bool:
    """Whether the Job was observed to have done all its work."""
    return holds(job, "Complete")


def failed(job: Object) -> bool:
    """Whether the Job was observed to have given up."""
    return holds(job, "Failed")


def finished(job: Object) -> bool:
    """Whether the Job makes no more pods: it is complete, or has failed for good."""
    return complete(job) or failed(job)


def answering(request: SyncRequest, wanted: str) -> list[Object]:
    """The observed Jobs that answer one request, those that are complete first."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and request_of(seen) == wanted]
    return sorted(found, key=complete, reverse=True)


def done(request: SyncRequest, wanted: str) -> bool:
    """Whether a Job that answers this request was observed complete."""
    return any(map(complete, answering(request, wanted)))


def done_restores(request: SyncRequest) -> list[Object]:
    """The observed Jobs that have restored an archive."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and complete(seen)]
    return [seen for seen in found if request_of(seen).startswith("restore ")]


def records(request: SyncRequest) -> list[Object]:
    """The Jobs to keep as the record of what was restored: all but those that the status counts among the past."""
    counted = request.status.get("restores")
    return [job for job in done_restores(request) if type(counted) is not int or _number(job) >= counted]


def saved(request: SyncRequest) -> list[str]:
    """When the observed Jobs that answer a request for a backup were complete."""
    found = [seen for key, seen in request.observed.items() if key.kind == "Job" and complete(seen)]
    times = [dig(seen, "status", "completionTime") for seen in found if request_of(seen).startswith("backup ")]
    return [time for time in times if isinstance(time, str)]


def _number(job: Object) -> int:
    number = request_of(job).partition("#")[2].partition(" ")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def touched(job: Object, request: SyncRequest) -> bool:
    """Whether a Job has ever done anything. One whose image was never pulled has not."""
    if any(number(job, "status", count) for count in ("failed", "succeeded", "ready")):
        return True
    pods = selected(request.pods, job)
    return number(job, "status", "active") > 0 and (not request.pods or any(map(started, pods)))


def at_work(job: Object, request: SyncRequest) -> bool:
    """Whether a pod of the Job is doing something now, or may be: where no pods are known, it may be for a while."""
    if finished(job):
        return False
    if any(number(job, "status", count) for count in ("ready", "terminating")):
        return True
    if request.pods:
        return any(map(running, selected(request.pods, job)))
    age = seconds_between(dig(job, "status", "startTime"), request.now)
    return number(job, "status", "active") > 0 and age < BEGINS_SECONDS


def has_pods(job: Object) -> bool:
    """Whether the Job has pods, whatever they do."""
    return any(number(job, "status", count) for count in ("active", "terminating"))
