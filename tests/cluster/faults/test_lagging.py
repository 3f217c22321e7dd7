"""The proxy that delays watch events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.manifests import config_map
from tests.cluster.waiting import wait_until

from .lagging import LaggingProxy


@pytest.fixture
def behind(cluster: ControlPlane, tmp_path: Path) -> Iterator[tuple[LaggingProxy, Client]]:
    """The proxy, and an administrator's client behind it."""
    with LaggingProxy(cluster.kubeconfig("admin"), cluster.credentials.home / "server.pem", tmp_path) as proxy:
        client = Client.from_kubeconfig(proxy.kubeconfig)
        yield proxy, client
        client.close()


def test_writes_are_stored_while_watchers_do_not_see_them_yet(behind: tuple[LaggingProxy, Client]) -> None:
    proxy, client = behind
    seen: Queue[str] = Queue()
    path = client.path("v1", "ConfigMap", namespace="default")
    version = client.request("GET", path)["metadata"]["resourceVersion"]

    def watch() -> None:
        for _, obj in islice(client.watch(path, version, timeout_seconds=20), 2):
            seen.put(obj["metadata"]["name"])

    Thread(target=watch, daemon=True).start()
    client.create(config_map("known", "default"))
    assert seen.get(timeout=10) == "known"
    proxy.hold_back()
    client.create(config_map("unknown", "default"))
    assert client.get("v1", "ConfigMap", "unknown", "default")
    with pytest.raises(Empty):
        seen.get(timeout=1)
    proxy.let_pass()
    assert seen.get(timeout=10) == "unknown"


def test_it_breaks_off_with_the_api_server_and_serves_again_with_it(
    cluster: ControlPlane, behind: tuple[LaggingProxy, Client]
) -> None:
    _, client = behind
    cluster.kill("kube-apiserver")
    with pytest.raises(OSError, match=r"without response|reset"):
        client.get("v1", "Namespace", "default")
    cluster.start_component("kube-apiserver")
    wait_until(lambda: client.get("v1", "Namespace", "default"), "it serves again")
