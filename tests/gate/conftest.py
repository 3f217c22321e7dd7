"""A control plane with the gate's callers, and two gate processes behind one address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.fixtures import binary
from tests.stores.gate import API_USER, Gate
from tests.stores.platform import API

from .callers import CALLERS, bind_owners

__all__ = ["binary"]


@pytest.fixture(scope="package")
def plane(binary: object) -> Iterator[ControlPlane]:
    """A control plane that knows every caller."""
    with new_plane() as plane:
        yield plane


def new_plane() -> ControlPlane:
    """Return another one of these."""
    return ControlPlane(users={**API_USER, **{name: User(*caller) for name, caller in CALLERS.items()}})


@pytest.fixture(scope="module")
def gate(plane: ControlPlane) -> Iterator[Gate]:
    """Two processes; owners may use kubectl, and the policy applies."""
    with Gate(plane, processes=2) as gate:
        bind_owners(plane)
        yield gate


@pytest.fixture(scope="module")
def clients(plane: ControlPlane, gate: Gate) -> Iterator[dict[str, Client]]:
    """A client of each caller, by name."""
    made = {name: plane.client_for(name) for name in (*CALLERS, "api", "admin", "metacontroller")}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def empty(gate: Gate) -> Iterator[None]:
    """Remove all stores and quotas before and after a test."""
    clean(gate.client)
    yield
    clean(gate.client)


def clean(client: Client) -> None:
    """Delete every Store and StoreQuota, including their finalizers."""
    for found in client.list_all(API, "Store"):
        free = {"metadata": {"finalizers": None}, "spec": {"deletionProtection": False}}
        client.patch({"apiVersion": API, "kind": "Store", **found}, free)
    for kind in ("Store", "StoreQuota"):
        client.request("DELETE", client.path(API, kind))
