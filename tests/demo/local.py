"""The demo on the local control plane."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from tests.api.server import USERS, Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.dashboard.server import Dashboard
from tests.stores.gate import Gate
from tests.stores.platform import Platform
from tests.values import settings_of

from .cluster import Cluster


@contextmanager
def cluster(console: Console) -> Iterator[Cluster]:
    """A control plane of processes on this machine with the platform; nothing is left afterwards."""
    console.print("The control plane runs as processes, and KWOK simulates the containers.")
    with ControlPlane(users=USERS) as plane:
        console.print(f"The API server answers at {plane.server}.")
        with Platform(plane, root_key=secrets.token_hex(32)) as platform, Gate(plane) as gate:
            console.print(f"The hooks answer at {platform.url}; the loop is {platform.loop.which}.")
            as_shipped = settings_of("api")
            with Api(plane, settings={**as_shipped, "audit": gate.settings["audit"]}) as api:
                console.print(f"The intent API answers at {api.url}/api/v1 (described at {api.url}/api/v1/docs).")
                tokens = {"owner": token_of(plane, "ann"), "admin": token_of(plane, "ada")}
                words = {name: secrets.token_urlsafe(32) for name in tokens}
                with Dashboard(api.url, links={word: tokens[name] for name, word in words.items()}) as dashboard:
                    console.print(f"The dashboard answers at {dashboard.url}.")
                    links = {name: f"{dashboard.url}/signin/link/{word}" for name, word in words.items()}
                    yield Cluster(plane.kubeconfig("admin"), plane.bin_dir, api.url, tokens, links)
