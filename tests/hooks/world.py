"""A cluster in a dictionary: it applies a response like Metacontroller and the kinds' controllers would.

For tests of the core only. What it does not simulate (defaulting, admission, garbage collection) is tested on the real
control plane in tests/cluster.
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
    """Return a Store as the API server returns it."""
    return {
        "apiVersion": "platform.urumi.dev/v1alpha1",
        "kind": "Store",
        "metadata": {"name": name, "uid": f"uid-of-{name}", "generation": 1},
        "spec": {"engine": "medusa", "owner": "ann", "plan": "small", "shop": SHOP, **spec},
    }


class World:
    """One store, its observed children, the related pods, and a clock that stands still unless it is set."""

    def __init__(self, settings: Settings, parent: Object) -> None:
        self.settings, self.parent = settings, parent
        self.observed: dict[Key, Object] = {}
        self.now = START
        self.pods: list[Object] = []

    def body(self, **over: Any) -> bytes:
        """Return the request that Metacontroller would send now."""
        groups: dict[str, dict[str, Object]] = {}
        for key, obj in self.observed.items():
            path = f"{key.namespace}/{key.name}" if key.namespace else key.name
            groups.setdefault(f"{key.kind}.{key.api_version}", {})[path] = obj
        related = {"Pod.v1": {str(number): pod for number, pod in enumerate(self.pods)}}
        content = {"parent": self.parent, "children": groups, "related": related, "finalizing": False, **over}
        return json.dumps(content).encode()

    def request(self, **over: Any) -> SyncRequest:
        """Return the same, parsed by the core."""
        return parse(self.body(**over), self.now)

    def ask(self, **over: Any) -> Object:
        """Return the core's response without applying it."""
        return sync(self.request(**over), self.settings)

    def step(self, ready: bool = True) -> Object:
        """Sync once and apply the response; with ``ready`` every object then becomes ready."""
        answer = self.ask()
        self.parent["status"] = answer["status"]
        desired = {Key.of(child): child for child in answer["children"]}
        self.observed = {key: self._applied(child) for key, child in desired.items()}
        if ready:
            for obj in self.observed.values():
                make_ready(obj)
        return answer

    def settle(self) -> Object:
        """Step until nothing changes; return the last response."""
        for _ in range(20):
            before = copy.deepcopy((self.parent, self.observed))
            answer = self.step()
            if (self.parent, self.observed) == before:
                return answer
        raise AssertionError(f"no end after 20 steps: {answer['status']}")

    def find(self, kind: str, name: str) -> Object:
        """Return the only observed object of that kind whose name has that prefix."""
        (found,) = [obj for key, obj in self.observed.items() if key.kind == kind and key.name.startswith(name)]
        return found

    def _applied(self, child: Object) -> Object:
        old = self.observed.get(Key.of(child), {})
        new = {**copy.deepcopy(old), **copy.deepcopy(child)}
        annotations = {**child["metadata"].get("annotations", {}), LAST_APPLIED: json.dumps(child)}
        new["metadata"] = {"generation": 1, **child["metadata"], "annotations": annotations}
        return new


def make_ready(obj: Object) -> None:
    """Give the object the status that it has when it is ready."""
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
    """Return each condition's status by its type, in order."""
    return {c["type"]: c["status"] for c in status["conditions"]}


def ready(status: Object) -> tuple[str, str]:
    """Return reason and message of the condition Ready."""
    (found,) = [c for c in status["conditions"] if c["type"] == "Ready"]
    return found["reason"], found["message"]
