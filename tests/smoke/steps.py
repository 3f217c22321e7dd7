"""The steps of a store's life. Each returns what it saw, or raises."""

from __future__ import annotations

import json
from collections.abc import Callable

import mechanicalsoup
import requests

from tests.cluster.waiting import WaitTimeout

from .kubectl import KubectlError
from .life import Life, NotRun, ready_condition
from .shopping import ShopError

# What a failing step raises.
FAILURES = (WaitTimeout, KubectlError, ShopError, requests.RequestException, mechanicalsoup.LinkNotFoundError)

Step = Callable[[Life], str]


def applied(life: Life) -> str:
    life.apply(life.name, **({"version": life.version} if life.version else {}))
    return f"store {life.name} of {life.owner}"


def ready(life: Life) -> str:
    return str(life.await_phase("Ready")["url"])


def answers_through_the_ingress(life: Life) -> str:
    shop = life.shop()
    return str(life.wait(shop.title, f"{shop.url} answers"))


def order_placed(life: Life) -> str:
    life.order = life.shop().order()
    return f"order {life.order}"


def deleted_part_comes_back(life: Life) -> str:
    deployment = ("deployment", "storefront", "-n", life.namespace)
    life.kubectl.run("delete", *deployment)
    life.wait(lambda: life.kubectl.run("get", *deployment, "--ignore-not-found", "-o", "name"), "it is made again")
    life.await_phase("Ready")
    return "Deployment storefront"


def upgraded(life: Life) -> str:
    if not life.upgrade_to:
        raise NotRun("the engine has one version")
    life.patch(version=life.upgrade_to)
    release = life.await_phase("Ready")["release"]
    if release["running"] != life.upgrade_to:
        raise ShopError(f"{life.upgrade_to} was rolled back: {json.dumps(release)}")
    return f"version {life.upgrade_to}"


def bad_version_rolled_back(life: Life) -> str:
    if not life.bad_version:
        raise NotRun("no bad version was named")
    before = life.status()["release"]["running"]
    life.patch(version=life.bad_version)

    def rejected() -> bool:
        status = life.status()
        return status.get("phase") == "Ready" and status["release"].get("rejected") == life.bad_version

    life.wait(rejected, f"{life.bad_version} is rejected and store {life.name} is Ready")
    release = life.status()["release"]
    if release["running"] != before:
        raise ShopError(f"after {life.bad_version} was rejected, {before} does not run: {json.dumps(release)}")
    life.patch(version=before)
    life.await_phase("Ready")
    return f"version {life.bad_version} is rejected, {before} runs"


def order_is_kept(life: Life) -> str:
    return life.shop().find_order(life.order)


def suspended(life: Life) -> str:
    life.patch(suspended=True)
    life.await_phase("Suspended")
    running = ("get", "pods", "-n", life.namespace, "--field-selector=status.phase=Running", "-o", "name")
    life.wait(lambda: not life.kubectl.run(*running), "no pod runs")
    return "the phase is Suspended, no pod runs"


def closed_through_the_ingress(life: Life) -> str:
    shop = life.shop()
    return f"{shop.url} answers {life.wait(shop.closed, f'{shop.url} is closed')}"


def resumed(life: Life) -> str:
    life.patch(suspended=False)
    life.await_phase("Ready")
    return "the phase is Ready"


def sells_again(life: Life) -> str:
    shop = life.shop()
    life.wait(shop.title, f"{shop.url} answers")
    return f"{shop.find_order(life.order)} is kept, order {shop.order()} is new"


def backup_listed(life: Life) -> str:
    life.patch(backup={"schedule": "0 3 * * *", "keep": 3})
    cron_job = ("get", "cronjob", "backup", "-n", life.namespace, "--ignore-not-found", "-o", "name")
    life.wait(lambda: life.kubectl.run(*cron_job), "the CronJob backup exists")
    life.kubectl.run("create", "job", "--from=cronjob/backup", "smoke", "-n", life.namespace)
    times = life.wait(lambda: life.status().get("backups"), "the backup is listed")
    return str(times[0])


def clone_ready(life: Life) -> str:
    life.apply(life.clone, restoreFrom={"store": life.name, "backup": "latest"})
    status = life.wait(lambda: life.status(life.clone), f"store {life.clone} has a status")
    if ready_condition(status)["reason"] == "NoObjectStore":
        raise NotRun("the platform has no object store, and a backup on a volume is its own store's alone")
    status = life.await_phase("Ready", life.clone)
    if status.get("restored") != f"{life.name}/latest":
        raise ShopError(f"store {life.clone} is Ready, but restored from {status.get('restored', 'nothing')}")
    return f"{status['url']} restored from {status['restored']}"


def clone_has_the_order(life: Life) -> str:
    if life.store(life.clone).get("status", {}).get("phase") != "Ready":
        raise NotRun("there is no clone")
    shop = life.shop(life.clone)
    life.wait(shop.title, f"{shop.url} answers")
    return shop.find_order(life.order)


def deleted(life: Life) -> str:
    life.kubectl.run("delete", "store", life.name, life.clone, "--ignore-not-found", f"--timeout={life.seconds:.0f}s")
    life.wait(lambda: not life.store() and not life.store(life.clone), "the stores are gone")
    return "no Store exists"


def nothing_is_left(life: Life) -> str:
    # Not "all": Stores are in that category, and every Store of the cluster would be found in every namespace.
    served = life.kubectl.run("api-resources", "--namespaced", "--verbs=list", "-o", "name")
    kinds = ",".join(served.split())
    for name in (life.name, life.clone):
        left = ("--ignore-not-found", "-o", "name")
        found = life.kubectl.run("get", "namespace", f"store-{name}", *left)
        found += life.kubectl.run("get", kinds, "-n", f"store-{name}", *left)
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
    bad_version_rolled_back,
    order_is_kept,
    suspended,
    closed_through_the_ingress,
    resumed,
    sells_again,
    backup_listed,
    clone_ready,
    clone_has_the_order,
    deleted,
    nothing_is_left,
)
