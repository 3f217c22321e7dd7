"""Nodes that KWOK simulates: created, lost as when a kubelet goes silent, and restored."""

from typing import Protocol

from .client import ApiError, Client, Object
from .waiting import wait_until

NODE = "node-0"
SIZE = {"cpu": "100k", "memory": "100Ti", "pods": "100k", "ephemeral-storage": "100Ti"}


class _Components(Protocol):
    def stop_component(self, component: str) -> None: ...
    def start_component(self, component: str) -> None: ...


class Nodes:
    """The nodes of one control plane. KWOK simulates all of them, so all are lost and restored together."""

    def __init__(self, client: Client, components: _Components) -> None:
        self._client = client
        self._components = components

    def create(self, name: str) -> None:
        """Add a node with room for everything; KWOK makes it Ready."""
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        self._client.create({**node, "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})
        self._client.patch(node, {"status": {"allocatable": SIZE, "capacity": SIZE}}, "status")

    def await_ready(self, name: str) -> None:
        """Wait until the node is Ready and accepts pods (no taint is left)."""
        wait_until(lambda: self._takes_pods(name), f"node {name} is Ready and without taints", 60)

    def lose(self, name: str = NODE) -> None:
        """Stop the kubelet's heartbeats, and wait until the cluster marks the node and its pods as not ready.

        That takes `NodeTimes.grace_seconds` and a few more.
        """
        self._components.stop_component("kwok")
        wait_until(lambda: _ready(self._node(name)) != "True", f"node {name} is no longer Ready", 120)
        wait_until(
            lambda: not [pod for pod in self._pods(name) if _ready(pod) == "True"],
            f"no pod of node {name} is Ready",
            240,
        )

    def restore(self, name: str = NODE) -> None:
        """Resume the heartbeats, and wait until the node and the pods that were ready before are Ready.

        A real kubelet reports its pods again. KWOK does not, so that is done here, for pods whose containers are ready.
        """
        self._components.start_component("kwok")
        self.await_ready(name)
        for pod in self._pods(name):
            if _ready(pod) == "False" and _condition(pod, "ContainersReady") == "True":
                self._mark_ready(pod)

    def _mark_ready(self, pod: Object) -> None:
        conditions = [
            {**each, "status": "True"} if each["type"] == "Ready" else each for each in pod["status"]["conditions"]
        ]
        try:
            self._client.patch(pod, {"status": {"conditions": conditions}}, "status")
        except ApiError as error:
            if error.code != 404:  # it may have been evicted meanwhile
                raise

    def _takes_pods(self, name: str) -> bool:
        node = self._node(name)
        return _ready(node) == "True" and not node["spec"].get("taints")

    def _node(self, name: str) -> Object:
        return self._client.get("v1", "Node", name)

    def _pods(self, name: str) -> list[Object]:
        pods = self._client.list_all("v1", "Pod", fieldSelector=f"spec.nodeName={name}")
        return [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in pods]


def _condition(obj: Object, kind: str) -> str:
    return next((each["status"] for each in obj["status"].get("conditions", []) if each["type"] == kind), "")


def _ready(obj: Object) -> str:
    return _condition(obj, "Ready")
