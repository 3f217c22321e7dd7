"""The door that lets watches lag."""

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

from .lagging import LaggingDoor


@pytest.fixture
def behind(cluster: ControlPlane, tmp_path: Path) -> Iterator[tuple[LaggingDoor, Client]]:
    """The door, and an administrator's client behind it."""
    with LaggingDoor(cluster.kubeconfig("admin"), cluster.credentials.home / "server.pem", tmp_path) as door:
        client = Client.from_kubeconfig(door.kubeconfig)
        yield door, client
        client.close()


def test_what_is_written_is_written_while_who_watches_does_not_know_yet(behind: tuple[LaggingDoor, Client]) -> None:
    door, client = behind
    seen: Queue[str] = Queue()
    path = client.path("v1", "ConfigMap", namespace="default")
    version = client.request("GET", path)["metadata"]["resourceVersion"]

    def watch() -> None:
        for _, obj in islice(client.watch(path, version, timeout_seconds=20), 2):
            seen.put(obj["metadata"]["name"])

    Thread(target=watch, daemon=True).start()
    client.create(config_map("known", "default"))
    assert seen.get(timeout=10) == "known"
    door.hold_back()
    client.create(config_map("unknown", "default"))
    assert client.get("v1", "ConfigMap", "unknown", "default")
    with pytest.raises(Empty):
        seen.get(timeout=1)
    door.let_pass()
    assert seen.get(timeout=10) == "unknown"


def test_it_breaks_off_where_the_api_server_does_and_serves_again_with_it(
    cluster: ControlPlane, behind: tuple[LaggingDoor, Client]
) -> None:
    _, client = behind
    cluster.kill("kube-apiserver")
    with pytest.raises(OSError, match=r"without response|reset"):
        client.get("v1", "Namespace", "default")
    cluster.start_component("kube-apiserver")
    wait_until(lambda: client.get("v1", "Namespace", "default"), "it serves again")
