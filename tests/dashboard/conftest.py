"""The dashboard with an intent API on a control plane, and the hooks and the controller that create stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.server import USERS, Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.stores.platform import Platform

from .server import Dashboard, Visitor

__all__ = ["binary"]


@pytest.fixture(scope="module")
def platform(binary: object) -> Iterator[Platform]:
    with ControlPlane(users=USERS) as plane, Platform(plane) as platform:
        yield platform


@pytest.fixture(scope="module")
def plane(platform: Platform) -> ControlPlane:
    return platform.plane


@pytest.fixture(scope="module")
def api(platform: Platform) -> Iterator[Api]:
    with Api(platform.plane) as api:
        yield api


@pytest.fixture(scope="module")
def dashboard(api: Api) -> Iterator[Dashboard]:
    with Dashboard(api.url, {"rates": {"signIn": "1000/minute"}}) as dashboard:
        yield dashboard


@pytest.fixture
def visitor(dashboard: Dashboard) -> Iterator[Visitor]:
    """A visitor who is not signed in."""
    with Visitor(dashboard.url) as visitor:
        yield visitor


@pytest.fixture
def ann(visitor: Visitor, plane: ControlPlane) -> Visitor:
    """An owner, signed in."""
    visitor.sign_in(token_of(plane, "ann"))
    return visitor


@pytest.fixture
def ada(dashboard: Dashboard, plane: ControlPlane) -> Iterator[Visitor]:
    """An admin, signed in."""
    with Visitor(dashboard.url) as visitor:
        visitor.sign_in(token_of(plane, "ada"))
        yield visitor
