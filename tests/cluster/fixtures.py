"""Pytest fixtures for tests that need a control plane. Import them in a conftest.py."""

from collections.abc import Iterator

import pytest

from .binary import Binary, build
from .client import Client
from .controlplane import ControlPlane


@pytest.fixture(scope="session")
def binary() -> Binary:
    """The control plane's program, built before the first test's own time starts."""
    return build()


@pytest.fixture(scope="module")
def cluster(binary: Binary) -> Iterator[ControlPlane]:
    """One control plane for the tests of a module."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture
def client(cluster: ControlPlane) -> Iterator[Client]:
    """An administrator's client with an empty list of warnings."""
    with_admin = cluster.client_for("admin")
    yield with_admin
    with_admin.close()


@pytest.fixture
def namespace(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A new namespace for one test, deleted afterwards."""
    prefix = request.node.originalname.replace("_", "-")[:40]
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": f"{prefix}-"}}
    created = client.request("POST", "/api/v1/namespaces", body)
    yield created["metadata"]["name"]
    client.delete({"apiVersion": "v1", "kind": "Namespace", **created})
