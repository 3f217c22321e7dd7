"""Fixtures for tests of stores on the real API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.fixtures import cluster as plane

from .platform import Platform

__all__ = ["binary", "plane"]


@pytest.fixture
def own_plane(binary: object) -> Iterator[ControlPlane]:
    """A control plane for one test: two platforms on one would both act on its stores."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="module")
def platform(plane: ControlPlane) -> Iterator[Platform]:
    """The platform as shipped, for the tests of a module; each test uses its own store names."""
    with Platform(plane) as platform:
        yield platform
