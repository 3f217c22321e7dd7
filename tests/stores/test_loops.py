"""The stand-in and the real Metacontroller bring the same Stores to the same objects."""

from __future__ import annotations

import pytest

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.loops import STAND_IN, find_metacontroller

from .compare import by_identity
from .platform import Platform


def made_by(plane: ControlPlane, loop: str) -> dict[str, dict[str, Object]]:
    with Platform(plane, loop=loop) as platform:
        made = {}
        for plan in ("small", "large"):
            platform.apply(f"shop-{plan}", plan=plan)
            platform.await_phase(f"shop-{plan}", "Ready")
            made[plan] = by_identity(platform.children(f"shop-{plan}"), with_data=False)
        assert platform.loop.log_errors() == []
        return made


def test_the_stand_in_brings_stores_to_ready(own_plane: ControlPlane) -> None:
    assert all(made_by(own_plane, STAND_IN).values())


@pytest.mark.skipif(not find_metacontroller(), reason="no metacontroller on PATH to compare the stand-in with")
def test_metacontroller_and_the_stand_in_create_the_same_objects() -> None:
    with ControlPlane() as one, ControlPlane() as other:
        assert made_by(one, "metacontroller") == made_by(other, STAND_IN)
