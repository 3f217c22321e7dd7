"""A cluster in a dictionary: it does with an answer what Metacontroller and the kinds' controllers would.

For tests of the core alone. What it can't know (defaulting, admission, garbage collection) is tested on the
real control plane in tests/cluster.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from storeplatform.hooks.core import SyncRequest, parse, sync
from storeplatform.hooks.core.objects import LAST_APPLIED, Key, Object
from storeplatform.hooks.settings import Settings

SHOP = {"country": "DE", "currency": "EUR"}
START = "2026-01-01T00:00:00Z"


def store(name: str = "demo", **spec: Any) -> Object:
    """A Store as the API server gives it."""
    return {
        "apiVersion": "platform.urumi.dev/v1alpha1",
        "kind": "Store",
        "metadata": {"name": name, "uid": f"uid-of-{name}", "generation": 1},
        "spec": {"engine": "medusa", "owner": "ann", "plan": "small", "shop": SHOP, **spec},
    }


class World:
    """One store, what is observed of it, the pods that are related, and a clock that stands still unless it is set."""

    def __init__(self, settings: Settings, parent: Object) -> None:
        self.settings, self.parent = settings, parent
        self.observed: dict[Key, Object] = {}
        self.now = START
        self.pods: list[Object] = []

    def body(self, **over: Any) -> bytes:
        """The request Metacontroller would send now."""
        groups: dict[str, dict[str, Object]] = {}
        for key, obj in self.observed.items():
            path = f"{key.namespace}/{key.name}" if key.namespace else key.name
            groups.setdefault(f"{key.kind}.{key.api_version}", {})[path] = obj
        related = {"Pod.v1": {str(number): pod for number, pod in enumerate(self.pods)}}
        content = {"parent": self.parent, "children": groups, "related": related, "finalizing": False, **over}
        return json.dumps(content).encode()

    def request(self, **over: Any) -> SyncRequest:
        """The same, as the core reads it."""
        return parse(self.body(**over), self.now)

    def ask(self, **over: Any) -> Object:
        """The core's answer, nothing done with it."""
        return sync(self.request(**over), self.settings)

    def step(self, ready: bool = True) -> Object:
        """Ask once and do what is answered; with ``ready`` every object then does its work."""
        answer = self.ask()
        self.parent["status"] = answer["status"]
        desired = {Key.of(child): child for child in answer["children"]}
        self.observed = {key: self._applied(child) for key, child in desired.items()}
        if ready:
            for obj in self.observed.values():
                make_ready(obj)
        return answer

    def settle(self) -> Object:
        """Step until nothing changes; the last answer."""
        for _ in range(20):
            before = copy.deepcopy((self.parent, self.observed))
            answer = self.step()
            if (self.parent, self.observed) == before:
                return answer
        raise AssertionError(f"no end after 20 steps: {answer['status']}")

    def find(self, kind: str, name: str) -> Object:
        """The one observed object of that kind whose name begins so."""
        (found,) = [obj for key, obj in self.observed.items() if key.kind == kind and key.name.startswith(name)]
        return found

    def _applied(self, child: Object) -> Object:
        old = self.observed.get(Key.of(child), {})
        new = {**copy.deepcopy(old), **copy.deepcopy(child)}
        annotations = {**child["metadata"].get("annotations", {}), LAST_APPLIED: json.dumps(child)}
        new["metadata"] = {"generation": 1, **child["metadata"], "annotations": annotations}
        return new


def make_ready(obj: Object) -> None:
    """Give the object the status it has when it does its work."""
    replicas = obj.get("spec", {}).get("replicas", 1)
    workload = {
        "observedGeneration": 1,
        "replicas": replicas,
        "readyReplicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
    }
    statuses: dict[str, Object] = {
        "Namespace": {"phase": "Active"},
        "PersistentVolumeClaim": {"phase": "Bound"},
        "Job": {"conditions": [{"type": "Complete", "status": "True"}]},
        "Deployment": workload,
        "StatefulSet": workload,
    }
    if obj["kind"] in statuses:
        obj["status"] = statuses[obj["kind"]]


def conditions(status: Object) -> dict[str, str]:
    """Each condition's status by its type, in order."""
    return {c["type"]: c["status"] for c in status["conditions"]}


def ready(status: Object) -> tuple[str, str]:
    """The summary's reason and message."""
    (found,) = [c for c in status["conditions"] if c["type"] == "Ready"]
    return found["reason"], found["message"]
