"""Explain why pods do not run, in the words of kubelet, container runtime and scheduler.

Pods are related objects, available only if the controller has a customize hook. Fields:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from storeplatform.common.times import seconds_between

from .objects import Object, dig, mappings

IMAGE_REASONS = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}

# In seconds. After a container has run this long, the kubelet resets its crash backoff:
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
CRASH_IS_PAST_SECONDS = 600
# The reason of a container that ended with its node, unseen by the runtime: it did not crash.
UNSEEN = "Unknown"


class Cause(NamedTuple):
    """A reason (one CamelCase word) and a message."""

    reason: str
    message: str


def selected(pods: Iterable[Object], workload: Object) -> list[Object]:
    """Return the pods that a Deployment, StatefulSet or Job selects."""
    wanted = dig(workload, "spec", "selector", "matchLabels")
    if not isinstance(wanted, dict) or not wanted:
        return []
    return [pod for pod in pods if wanted.items() <= (dig(pod, "metadata", "labels") or {}).items()]


def mounting(pods: Iterable[Object], claim: str) -> list[Object]:
    """Return the pods that mount a claim."""
    return [
        pod
        for pod in pods
        for volume in mappings(dig(pod, "spec", "volumes"))
        if dig(volume, "persistentVolumeClaim", "claimName") == claim
    ]


def cause(pods: Iterable[Object], now: str) -> Cause | None:
    """Return the first cause that keeps one of the pods from running, newest pod first.

    Pods that are being deleted, or have ended while a newer one runs, are ignored.
    """
    newest_first = sorted(pods, key=lambda pod: str(dig(pod, "metadata", "creationTimestamp")), reverse=True)
    relevant = [pod for place, pod in enumerate(newest_first) if place == 0 or not ended(pod)]
    living = [pod for pod in relevant if not dig(pod, "metadata", "deletionTimestamp")]
    return next((found for pod in living for found in _causes(pod, now)), None)


def unscheduled(pod: Object) -> str:
    """Return the scheduler's message on a pod for which it finds no node; "" if there is none."""
    for condition in mappings(dig(pod, "status", "conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message") or "no node fits")
    return ""


def ended(pod: Object) -> bool:
    """Whether all containers of the pod have ended permanently."""
    return dig(pod, "status", "phase") in ("Succeeded", "Failed")


def running(pod: Object) -> bool:
    """Whether any container of the pod is running."""
    return not ended(pod) and any(isinstance(dig(c, "state", "running"), dict) for c in _containers(pod))


def started(pod: Object) -> bool:
    """Whether any container of the pod has ever run."""
    states = [dig(status, name) for status in _containers(pod) for name in ("state", "lastState")]
    return any(isinstance(state, dict) and ("running" in state or "terminated" in state) for state in states)


def _causes(pod: Object, now: str) -> Iterator[Cause]:
    name = dig(pod, "metadata", "name")
    if message := unscheduled(pod):
        yield Cause("Unschedulable", f"pod {name}: {message}")
    for status in _containers(pod):
        if status.get("ready") is not True:
            yield from _cause(status, f"pod {name}, container {status.get('name')}", now)


def _cause(status: Object, where: str, now: str) -> Iterator[Cause]:
    """Return what keeps one container from being ready."""
    waiting = dig(status, "state", "waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    ended = dig(status, "state", "terminated") or _recent_crash(status, now)
    if reason in IMAGE_REASONS:
        yield Cause("ImagePullFailed", _joined(where, reason, message))
    elif reason == "CrashLoopBackOff" or (ended.get("exitCode") and status.get("restartCount")):
        ended = ended or dig(status, "lastState", "terminated") or {}
        yield Cause("CrashLoop", _joined(where, _ending(ended), message or reason))
    elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        yield Cause("ContainerNotCreated", _joined(where, reason, message))
    elif ended.get("exitCode"):
        yield Cause("ContainerFailed", _joined(where, _ending(ended)))


def _recent_crash(status: Object, now: str) -> Object:
    """Return how the container ended before its last restart; "" if that was long ago or because its node went down."""
    crash: Object = dig(status, "lastState", "terminated") or {}
    if crash.get("reason") == UNSEEN:
        return {}
    return crash if seconds_between(crash.get("finishedAt"), now) < CRASH_IS_PAST_SECONDS else {}


def _ending(terminated: Object) -> str:
    if "exitCode" not in terminated:
        return ""
    words = f"exit code {terminated['exitCode']} ({terminated.get('reason') or 'Error'})"
    return _joined(words, str(terminated.get("message") or "").strip())


def _joined(*words: str) -> str:
    return ": ".join(filter(None, words))


def _containers(pod: Object) -> list[Object]:
    status = dig(pod, "status")
    return mappings(dig(status, "initContainerStatuses")) + mappings(dig(status, "containerStatuses"))
