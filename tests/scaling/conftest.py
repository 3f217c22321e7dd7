"""A control plane with the gate's webhooks, and two processes of each interface."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.server import USERS
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.processes import Process
from tests.redis import redis
from tests.stores.gate import Gate

from .replicas import Replicas

__all__ = ["binary", "redis"]

QUOTA = {"owner": 1000, "global": 1000}


@pytest.fixture(scope="module")
def gate(binary: object) -> Iterator[Gate]:
    with ControlPlane(users=USERS) as plane, Gate(plane, processes=2, settings={"quota": QUOTA}) as gate:
        yield gate


@pytest.fixture(scope="module")
def redis_url(redis: Process) -> str:
    """The Redis' URL, without a database."""
    return redis.name.removesuffix("/0")


@pytest.fixture(scope="module")
def replicas(gate: Gate, redis_url: str) -> Iterator[Replicas]:
    with Replicas(gate, redis_url) as replicas:
        yield replicas


@pytest.fixture
def own_plane(binary: object) -> Iterator[ControlPlane]:
    """A control plane for one test: two platforms on one would both act on its stores."""
    with ControlPlane() as plane:
        yield plane
