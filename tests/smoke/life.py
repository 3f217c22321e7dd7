"""One store on one cluster, through kubectl and its pages."""

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
    """One store on one cluster, a clone of it, and what steps remember of them.

    :param owner: the stores' owner; "" for the caller's own name.
    :param version: the initial version; "" for the engine's default.
    :param upgrade_to: the version after that; "" if there is no other.
    :param bad_version: one that does not work, to check the rollback; "" if none is known.
    :param base_url: the ingress controller's address, for a store whose host has no DNS record.
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
        """The store's namespace."""
        return f"store-{self.name}"

    def store(self, name: str = "") -> dict[str, Any]:
        """Return the Store; an empty mapping if there is none."""
        text = self.kubectl.run("get", "store", name or self.name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else {}

    def status(self, name: str = "") -> dict[str, Any]:
        """Return its status if it is of the current spec."""
        found = self.store(name)
        status: dict[str, Any] = found.get("status", {})
        current = found and status.get("observedGeneration") == found["metadata"]["generation"]
        return status if current else {}

    def apply(self, name: str, **spec: Any) -> None:
        """Create a store."""
        self.owner = self.owner or self.kubectl.user()
        store = {"apiVersion": API_VERSION, "kind": "Store", "metadata": {"name": name}}
        spec = {"engine": ENGINE, "owner": self.owner, **spec}
        self.kubectl.run("apply", "-f", "-", stdin=json.dumps({**store, "spec": spec}))
        self.made.append(name)

    def patch(self, **spec: Any) -> None:
        """Change it."""
        self.kubectl.run("patch", "store", self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def remove(self) -> None:
        """Request the deletion of everything that was created and still exists."""
        if self.made:
            self.kubectl.run("delete", "store", *self.made, "--ignore-not-found", "--wait=false")

    def wait(self, condition: Callable[[], Any], what: str, stop_if: Callable[[], str | None] = lambda: None) -> Any:
        """Return the condition's result, once it is true.

        :raise WaitTimeout: it is not in time, or can't be any more.
        """
        return wait_until(condition, what, self.seconds, interval=0.5, stop_if=stop_if)

    def await_phase(self, phase: str, name: str = "") -> dict[str, Any]:
        """Return the status, once it has that phase.

        :raise WaitTimeout: it does not in time, or the store has failed.
        """
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
        """Return a client of its pages.

        :raise NotRun: its containers are only simulated.
        """
        if self.kubectl.containers_are_simulated():
            raise NotRun("the containers of this cluster are simulated")
        return Shop(self.store(name)["status"]["url"], self.base_url)


def ready_condition(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status' condition Ready."""
    (found,) = [each for each in status["conditions"] if each["type"] == "Ready"]
    return dict(found)
