"""Whatever is killed, drained or starved: every shop continues or recovers automatically."""

from __future__ import annotations

import json
import subprocess

import pytest

from ..cluster.waiting import wait_until
from . import cgroups
from .files import NODE
from .stores import NAMES, Stores
from .visits import visited


def containers(stores: Stores) -> dict[str, int]:
    """Return how often each container of the shops and the platform was restarted, by its pod's UID and its name."""
    return {
        f"{pod['metadata']['uid']}/{status['name']}": status["restartCount"]
        for space in [*(f"store-{name}" for name in NAMES), "store-platform"]
        for pod in stores.pods(space)
        for status in pod["status"].get("containerStatuses", [])
        if pod["status"]["phase"] == "Running"
    }


def test_killed_kubelet_and_containerd_leave_containers_running(stores: Stores) -> None:
    before = containers(stores)
    with visited(stores, "one"):
        for name in ("kubelet", "containerd"):
            stores.real.node.kill(name)
        for name in ("containerd", "kubelet"):
            stores.real.node.start(name)
        stores.await_all_ready()
    assert containers(stores) == before


def test_after_a_power_failure_every_shop_recovers_with_its_orders(stores: Stores) -> None:
    orders = {name: stores.shop(name).order() for name in NAMES}
    stores.real.node.kill_everything()
    assert [stores.answer(name) for name in NAMES] == [0, 0]
    stores.real.node.boot()
    stores.await_all_ready()
    for name, order in orders.items():
        assert stores.shop(name).find_order(order) == f"order {order}"


def test_a_drained_nodes_shops_recover_when_it_may_run_pods_again(stores: Stores) -> None:
    """Its last storefront pod is not evicted while there is no node for another one."""
    kubectl = stores.real.kubectl
    stores.apply("one", storefront={"replicas": 2})
    stores.await_all_ready()
    kubectl("cordon", NODE)
    try:
        first, second = (pod["metadata"]["name"] for pod in stores.pods("store-one", "storefront"))
        evict(stores, first)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            evict(stores, second)
        assert "would violate the pod's disruption budget" in refused.value.stderr
        assert stores.answer("one") == 200
        stores.apply("one")
        stores.await_phase("one", "Ready")
        kubectl("drain", NODE, "--delete-emptydir-data", "--ignore-daemonsets", "--force", "--timeout=240s")
        assert [pod for name in NAMES for pod in stores.pods(f"store-{name}") if "nodeName" in pod["spec"]] == []
    finally:
        kubectl("uncordon", NODE)
    stores.await_all_ready()


def evict(stores: Stores, pod: str) -> None:
    """Evict a pod of store one.

    :raise CalledProcessError: its budget does not allow it.
    """
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "store-one"}}
    path = f"/api/v1/namespaces/store-one/pods/{pod}/eviction"
    stores.real.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def failed_probes(stores: Stores) -> int:
    """Return how often a liveness probe timed out."""
    events = json.loads(stores.real.kubectl("get", "events", "-A", "--field-selector=reason=Unhealthy", "-o", "json"))
    failed = [each for each in events["items"] if each["message"].startswith("Liveness")]
    return sum(each.get("count") or 1 for each in failed)


def test_processor_starvation_kills_no_working_container(stores: Stores) -> None:
    """All pods together have a hundredth of a core, until three liveness probes have timed out."""
    before, probes = containers(stores), failed_probes(stores)
    with cgroups.starved(f"{stores.real.node.group}/kubepods"):
        wait_until(lambda: failed_probes(stores) >= probes + 3, "three liveness probes have failed", 240, interval=1)
    stores.await_all_ready()
    assert containers(stores) == before


def test_a_shop_whose_disk_was_full_sells_again_when_there_is_space(stores: Stores) -> None:
    """Its data is on that disk, so its database can't even write its log, and exits."""
    order = stores.shop("one").order()
    fill = "CREATE TABLE ballast AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)"
    with stores.real.node.full_disk():
        done = stores.run_in("store-one", "statefulset/database", "psql", "-U", "medusa", "-d", "medusa", "-c", fill)
    assert done.returncode != 0
    assert "No space left on device" in done.stderr or "server closed the connection" in done.stderr, done.stderr
    stores.await_all_ready()
    shop = stores.shop("one")
    assert shop.find_order(order) == f"order {order}"
    assert shop.order() != order
