"""A control plane with the platform's CRDs, roles and policies, and the API on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.redis import redis
from tests.stores.platform import apply_shipped

from .server import USERS, Api, ApiClient

__all__ = ["binary", "redis"]


def install(plane: ControlPlane) -> None:
    """Install what the API needs in a cluster."""
    apply_shipped(plane.client)


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        install(plane)
        yield plane


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Iterator[Api]:
    with Api(plane) as api:
        yield api


@pytest.fixture
def ann(api: Api) -> ApiClient:
    return api.caller("ann")


@pytest.fixture
def ben(api: Api) -> ApiClient:
    return api.caller("ben")


@pytest.fixture
def ada(api: Api) -> ApiClient:
    return api.caller("ada")
