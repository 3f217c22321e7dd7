"""A store's life, step by step. Each says what it saw, or raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from tests.cluster.waiting import wait_until

from .kubectl import Kubectl
from .shopping import Shop, ShopError

KINDS = "all,ingress,networkpolicy,persistentvolumeclaim,poddisruptionbudget,resourcequota,limitrange,secret"
API_VERSION = "platform.urumi.dev/v1alpha1"


class NotRun(Exception):
    """The step can't be run on this cluster; the message says why."""


@dataclass
class Life:
    """One store on one cluster, and what is remembered of it from step to step.

    :param base_url: where the ingress controller answers, for a store whose host no resolver knows.
    :param seconds: how long one step may take.
    """

    kubectl: Kubectl
    name: str
    owner: str
    upgrade_to: str
    base_url: str
    seconds: float
    reference: str = ""

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
        store = {"apiVersion": API_VERSION, "kind": "Store", "metadata": {"name": name}}
        spec = {"engine": "medusa", "owner": self.owner, **spec}
        self.kubectl.run("apply", "-f", "-", stdin=json.dumps({**store, "spec": spec}))

    def patch(self, **spec: Any) -> None:
        """Change it."""
        self.kubectl.run("patch", "store", self.name, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition gives, once it does. :raise WaitTimeout: it doesn't in time."""
        return wait_until(condition, what, self.seconds, interval=0.5)

    def await_phase(self, phase: str, name: str = "") -> dict[str, Any]:
        """The status, once it has that phase."""

        def reached() -> dict[str, Any] | None:
            status = self.status(name)
            return status if status.get("phase") == phase else None

        found: dict[str, Any] = self.wait(reached, f"store {name or self.name} is {phase}")
        return found

    def shop(self) -> Shop:
        """Its pages. :raise NotRun: its containers are only played."""
        if self.kubectl.containers_are_played():
            raise NotRun("the containers of this cluster are played")
        return Shop(self.store()["status"]["url"], self.base_url)


Step = Callable[[Life], str]


def applied(life: Life) -> str:
    life.apply(life.name)
    return f"store {life.name} of {life.owner}"


def ready(life: Life) -> str:
    return str(life.await_phase("Ready")["url"])


def answers_through_the_ingress(life: Life) -> str:
    shop = life.shop()
    return str(life.wait(shop.title, f"{shop.url} answers"))


def order_placed(life: Life) -> str:
    life.reference = life.shop().order()
    return f"order {life.reference}"


def deleted_part_comes_back(life: Life) -> str:
    deployment = ("deployment", "storefront", "-n", life.namespace)
    life.kubectl.run("delete", *deployment)
    life.wait(lambda: life.kubectl.run("get", *deployment, "--ignore-not-found", "-o", "name"), "it is made again")
    life.await_phase("Ready")
    return "Deployment storefront"


def upgraded(life: Life) -> str:
    if not life.upgrade_to:
        raise NotRun("no version was named (--upgrade-to)")
    life.patch(version=life.upgrade_to)
    release = life.await_phase("Ready")["release"]
    if release["running"] != life.upgrade_to:
        raise ShopError(f"{life.upgrade_to} was taken back: {json.dumps(release)}")
    return f"version {life.upgrade_to}"


def order_is_kept(life: Life) -> str:
    return life.shop().find_order(life.reference)


def suspended(life: Life) -> str:
    life.patch(suspended=True)
    life.await_phase("Suspended")
    return "the phase is Suspended"


def closed_through_the_ingress(life: Life) -> str:
    shop = life.shop()
    life.wait(lambda: not shop.is_open(), f"{shop.url} is closed")
    return shop.url


def resumed(life: Life) -> str:
    life.patch(suspended=False)
    life.await_phase("Ready")
    return "the phase is Ready"


def backed_up(life: Life) -> str:
    life.patch(backup={"schedule": "0 3 * * *", "keep": 3})
    cron_job = ("get", "cronjob", "backup", "-n", life.namespace, "--ignore-not-found", "-o", "name")
    life.wait(lambda: life.kubectl.run(*cron_job), "the CronJob backup is there")
    life.kubectl.run("create", "job", "--from=cronjob/backup", "smoke", "-n", life.namespace)
    times = life.wait(lambda: life.status().get("backups"), "the backup is listed")
    return str(times[0])


def restored_to_a_clone(life: Life) -> str:
    life.apply(life.clone, restoreFrom={"store": life.name, "backup": "latest"})

    def decided() -> dict[str, Any] | None:
        status = life.status(life.clone)
        return status if status.get("phase") in ("Ready", "Failed") else None

    status = life.wait(decided, f"store {life.clone} is Ready")
    (summary,) = [each for each in status["conditions"] if each["type"] == "Ready"]
    if "object store" in summary["message"] or "own volumes" in summary["message"]:
        raise NotRun("this platform has no object store, and backups on volumes are each store's own")
    if status["phase"] == "Failed":
        raise ShopError(summary["message"])
    return str(status["url"])


def deleted(life: Life) -> str:
    life.kubectl.run("delete", "store", life.name, life.clone, "--ignore-not-found", f"--timeout={life.seconds:.0f}s")
    life.wait(lambda: not life.store() and not life.store(life.clone), "the stores are gone")
    return "no Store is there"


def nothing_is_left(life: Life) -> str:
    for name in (life.name, life.clone):
        left = ("--ignore-not-found", "-o", "name")
        found = life.kubectl.run("get", "namespace", f"store-{name}", *left)
        found += life.kubectl.run("get", KINDS, "-n", f"store-{name}", *left)
        if found:
            raise ShopError(f"of store {name} there is still: {' '.join(found.split())}")

    def others() -> list[str]:
        hostnames = json.loads(life.kubectl.run("get", "hostnames.platform.urumi.dev", "-o", "json"))["items"]
        volumes = json.loads(life.kubectl.run("get", "persistentvolumes", "-o", "json"))["items"]
        spaces = (f"store-{life.name}", f"store-{life.clone}")
        return [each["metadata"]["name"] for each in hostnames if life.name in each["metadata"]["name"]] + [
            each["metadata"]["name"]
            for each in volumes
            if each["spec"].get("claimRef", {}).get("namespace") in spaces
            and each["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        ]

    life.wait(lambda: not others(), "its hosts and volumes are gone")
    return "no namespace, object, host or volume"


STEPS: tuple[Step, ...] = (
    applied,
    ready,
    answers_through_the_ingress,
    order_placed,
    deleted_part_comes_back,
    upgraded,
    order_is_kept,
    suspended,
    closed_through_the_ingress,
    resumed,
    backed_up,
    restored_to_a_clone,
    deleted,
    nothing_is_left,
)
UNAVAILABLE = (ShopError, requests.RequestException)
