"""One store on one cluster, as kubectl and its pages show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.waiting import wait_until

from .kubectl import Kubectl
from .shopping import Shop

API_VERSION = "platform.urumi.dev/v1alpha1"
ENGINE = "medusa"


class NotRun(Exception):
    """The step can't be run on this cluster; the message says why."""


@dataclass
class Life:
    """One store on one cluster, a clone of it, and what is remembered of them from step to step.

    :param owner: whose the stores are; empty for the caller's own name.
    :param version: what the store begins with; empty for the engine's default.
    :param upgrade_to: the version after that; empty where there is no other.
    :param bad_version: one that does not work, to see that it is taken back; empty where none is known.
    :param base_url: where the ingress controller answers, for a store whose host no resolver knows.
    :param seconds: how long one step may take.
    """

    kubectl: Kubectl
    name: str
    owner: str
    version: str
    upgrade_to: str
    bad_version: str
    base_url: str
    seconds: float
    order: str = ""
    made: list[str] = field(default_factory=list)

    @property
    def clone(self) -> str:
        """The name of the second store."""
        return f"{self.name}-clone"

    @property
    def namespace(self) -> str:
        """What the store is made of is in it."""
        return f"store-{self.name}"

    def store(self, name: str = "") -> dict[str, Any]:
        """The Store, or an empty mapping where there is none."""
        text = self.kubectl.run("get", "store", name or self.name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else {}

    def status(self, name: str = "") -> dict[str, Any]:
        """Its status, where that was made from its newest spec."""
        found = self.store(name)
        status: dict[str, Any] = found.get("status", {})
        current = found and status.get("observedGeneration") == found["metadata"]["generation"]
        return status if current else {}

    def apply(self, name: str, **spec: Any) -> None:
        """Declare a store."""
        self.owner = self.owner or self.kubectl.user()
        store = {"apiVersion": API_VERSION, "kind": "Store", "metadata": {"name": name}}
        spec = {"engine": ENGINE, "owner": self.owner, **spec}
        self.kubectl.run("apply", "-f", "-", stdin=json.dumps({**store, "spec": spec}))
        self.made.append(name)

    def patch(self, **spec: Any) -> None:
        """Change it."""
        self.kubectl.run("patch", "store", self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def remove(self) -> None:
        """Ask for the end of all that was made and is still there."""
        if self.made:
            self.kubectl.run("delete", "store", *self.made, "--ignore-not-found", "--wait=false")

    def wait(self, condition: Callable[[], Any], what: str, stop_if: Callable[[], str | None] = lambda: None) -> Any:
        """What the condition gives, once it does. :raise WaitTimeout: it doesn't in time, or can't any more."""
        return wait_until(condition, what, self.seconds, interval=0.5, stop_if=stop_if)

    def await_phase(self, phase: str, name: str = "") -> dict[str, Any]:
        """The status, once it has that phase. :raise WaitTimeout: it hasn't in time, or the store has failed."""
        seen: dict[str, Any] = {}

        def reached() -> dict[str, Any] | None:
            nonlocal seen
            seen = self.status(name)
            return seen if seen.get("phase") == phase else None

        def failed() -> str | None:
            return ready_condition(seen)["message"] if seen.get("phase") == "Failed" else None

        found: dict[str, Any] = self.wait(reached, f"store {name or self.name} is {phase}", failed)
        return found

    def shop(self, name: str = "") -> Shop:
        """Its pages. :raise NotRun: its containers are only played."""
        if self.kubectl.containers_are_played():
            raise NotRun("the containers of this cluster are played")
        return Shop(self.store(name)["status"]["url"], self.base_url)


def ready_condition(status: dict[str, Any]) -> dict[str, Any]:
    """The summary of a status."""
    (found,) = [each for each in status["conditions"] if each["type"] == "Ready"]
    return dict(found)
