"""The storefront and each part of the platform are restarted without visitors noticing."""

from __future__ import annotations

import json

from ..api.server import token_of
from ..cluster.waiting import wait_until
from .stores import Stores
from .visits import changed, visited

PARTS = ("deployment/api", "deployment/dashboard", "deployment/hooks", "deployment/controllers")
PARTS += ("statefulset/metacontroller",)


def restart(stores: Stores, namespace: str, workload: str) -> None:
    """Restart a workload by rolling, and wait until the last old pod is gone."""
    stores.real.kubectl("rollout", "restart", workload, "--namespace", namespace)
    stores.real.kubectl("rollout", "status", workload, "--namespace", namespace, "--timeout=240s")
    made = json.loads(stores.real.kubectl("get", workload, "--namespace", namespace, "-o", "json"))["spec"]
    selector = ",".join(f"{name}={value}" for name, value in made["selector"]["matchLabels"].items())
    pods = ("get", "pods", "--namespace", namespace, "--selector", selector, "-o", "name")
    wait_until(lambda: len(stores.real.kubectl(*pods).split()) == made["replicas"], "the old pods are gone", 240)


def test_a_storefront_restarts_without_a_failed_request(stores: Stores) -> None:
    with visited(stores, "one") as answers:
        restart(stores, "store-one", "deployment/storefront")
        after = answers()
        wait_until(lambda: answers() > after, "the shop is visited after the restart", 30)


def test_every_part_of_the_platform_restarts_without_a_failed_request(stores: Stores) -> None:
    """Requests of shoppers, to the API, at the dashboard, and of kubectl, which passes the gate."""
    token = {"Authorization": f"Bearer {token_of(stores.real.plane, 'ada')}"}
    with (
        visited(stores, "two"),
        visited(stores, "api", "/api/v1/stores", token),
        visited(stores, "dashboard", "/healthz"),
        changed(stores, "two"),
    ):
        for part in PARTS:
            restart(stores, "store-platform", part)
    stores.await_all_ready()
