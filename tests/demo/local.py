"""The demo on the local control plane."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import Platform

from .cluster import Cluster


@contextmanager
def cluster(console: Console) -> Iterator[Cluster]:
    """A control plane of this machine's own processes, the loop and the hooks; nothing is left afterwards."""
    console.print("No kind cluster is possible here: the control plane runs as processes, KWOK plays the containers.")
    with ControlPlane() as plane:
        console.print(f"The API server answers at {plane.server}.")
        with Platform(plane, root_key=secrets.token_hex(32)) as platform:
            console.print(f"The hooks answer at {platform.url}; the loop is {platform.loop.which}.")
            yield Cluster(plane.kubeconfig("admin"), plane.bin_dir)
