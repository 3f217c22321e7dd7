"""The workloads of a store: which of them have pods, and which still write."""

from __future__ import annotations

from collections.abc import Iterable

from .progress import Blocker, number
from .render import Stage
from .request import Key, Object, SyncRequest

SERVING = "Deployment"
WORKLOADS = {SERVING, "StatefulSet"}
WRITING = {SERVING, "CronJob", "Job"}


def without_pods(workload: Object) -> Object:
    """The workload with no replicas."""
    return {**workload, "spec": {**workload["spec"], "replicas": 0}}


def serving(stages: Iterable[Stage], request: SyncRequest) -> Blocker | None:
    """The first Deployment of these stages that has pods, and so uses the database."""
    keys = [m.key for stage in stages for m in stage.manifests if m.key.kind == SERVING]
    seen = ((key, request.observed[key]) for key in keys if key in request.observed)
    return next((found for key, obj in seen if (found := stopping(key, obj))), None)


def stopping(key: Key, seen: Object) -> Blocker | None:
    """What a workload that is to have no pods still has; None once it has none."""
    behind = number(seen, "status", "observedGeneration") < number(seen, "metadata", "generation")
    pods = number(seen, "status", "replicas")
    if not pods and not behind and not number(seen, "spec", "replicas"):
        return None
    return Blocker("Stopping", f"{key} still has {pods} pods", subject=str(key))
