"""Why pods do not run, in the words of their kubelet, runtime and scheduler.

Pods are related objects, seen only where the controller has a customize hook. Their fields:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .request import Object, dig, mappings

IMAGE_REASONS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}


class Cause(NamedTuple):
    """One word, and the thing's own words."""

    reason: str
    message: str


# What somebody can do about it, once it has lasted too long.
REMEDIES = {
    "ImagePullFailed": "check the image's name and that the cluster may pull it",
    "CrashLoop": "read the pod's log with kubectl logs",
    "ContainerNotCreated": "the platform's templates or the node are at fault: tell the platform team",
    "Unschedulable": "add nodes or choose a smaller plan",
    "QuotaExceeded": "choose a larger plan or fewer storefront replicas",
    "VolumePending": "check the storage class",
}


def selected(pods: Iterable[Object], workload: Object) -> list[Object]:
    """The pods that a Deployment, StatefulSet or Job selects."""
    wanted = dig(workload, "spec", "selector", "matchLabels")
    if not isinstance(wanted, dict) or not wanted:
        return []
    return [pod for pod in pods if wanted.items() <= (dig(pod, "metadata", "labels") or {}).items()]


def mounting(pods: Iterable[Object], claim: str) -> list[Object]:
    """The pods that use a claim."""
    return [
        pod
        for pod in pods
        for volume in mappings(dig(pod, "spec", "volumes"))
        if dig(volume, "persistentVolumeClaim", "claimName") == claim
    ]


def cause(pods: Iterable[Object]) -> Cause | None:
    """The first thing that keeps one of the pods from running; the newest pod speaks first."""
    newest_first = sorted(pods, key=lambda pod: str(dig(pod, "metadata", "creationTimestamp")), reverse=True)
    return next((found for pod in newest_first for found in _causes(pod)), None)


def unscheduled(pod: Object) -> str:
    """The scheduler's message on a pod it finds no node for; empty where it has or will."""
    for condition in mappings(dig(pod, "status", "conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message") or "no node fits")
    return ""


def started(pod: Object) -> bool:
    """Whether any container of the pod has ever run."""
    states = [dig(status, name) for status in _containers(pod) for name in ("state", "lastState")]
    return any(isinstance(state, dict) and ("running" in state or "terminated" in state) for state in states)


def _causes(pod: Object) -> Iterator[Cause]:
    name = dig(pod, "metadata", "name")
    if message := unscheduled(pod):
        yield Cause("Unschedulable", f"pod {name}: {message}")
    for status in _containers(pod):
        where = f"pod {name}, container {status.get('name')}"
        waiting = dig(status, "state", "waiting") or {}
        reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
        ended = dig(status, "lastState", "terminated") or dig(status, "state", "terminated") or {}
        if reason in IMAGE_REASONS:
            yield Cause("ImagePullFailed", f"{where}: {reason}: {message}")
        elif reason == "CrashLoopBackOff" or (ended.get("exitCode") and status.get("restartCount")):
            yield Cause("CrashLoop", f"{where}: {_ending(ended)}: {message or reason}")
        elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
            yield Cause("ContainerNotCreated", f"{where}: {reason}: {message}")
        elif ended.get("exitCode"):
            yield Cause("ContainerFailed", f"{where}: {_ending(ended)}")


def _ending(terminated: Object) -> str:
    words = f"exit code {terminated.get('exitCode')} ({terminated.get('reason') or 'Error'})"
    return f"{words}: {terminated['message']}" if terminated.get("message") else words


def _containers(pod: Object) -> list[Object]:
    status = dig(pod, "status")
    return mappings(dig(status, "initContainerStatuses")) + mappings(dig(status, "containerStatuses"))
