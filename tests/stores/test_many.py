"""Many stores at once, and idle ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import METACONTROLLER
from tests.cluster.waiting import wait_until

from .platform import Platform

MANY = 30
# The number of a store's objects, and Metacontroller's calls for each store on its way to Ready, with a margin for slow
# machines.
OBJECTS, UPDATES, SYNCS = 24, 13, 18


@pytest.fixture
def resyncing(own_plane: ControlPlane) -> Iterator[Platform]:
    """The platform, syncing each settled store five times a second."""
    with Platform(own_plane, settings={"resyncSeconds": {"settled": 0.2, "changing": 20}}) as platform:
        yield platform


def test_twenty_syncs_of_a_ready_store_write_nothing(resyncing: Platform) -> None:
    resyncing.apply("resting", plan="large")
    resyncing.await_phase("resting", "Ready")
    settled = resyncing.syncs() + 5
    wait_until(lambda: resyncing.syncs() >= settled, "the store has settled")
    mark, before = resyncing.plane.audit.mark(), resyncing.syncs()
    wait_until(lambda: resyncing.syncs() >= before + 20, "twenty more syncs", 60)
    assert resyncing.plane.audit.writes(mark) == []


def test_thirty_stores_at_once_become_ready_without_logged_errors(platform: Platform) -> None:
    names = [f"many-{number}" for number in range(MANY)]
    mark, syncs = platform.plane.audit.mark(), platform.syncs()
    for name in names:
        platform.apply(name, owner=f"owner-of-{name}")
    for name in names:
        platform.await_phase(name, "Ready", 180)
    assert platform.loop.log_errors() == []
    assert [line for line in platform.hooks_lines() if line["level"] != "info"] == []
    made = Counter(
        each.verb if each.code < 400 else "refused"
        for each in platform.plane.audit.requests(mark)
        if each.user == METACONTROLLER.username and each.verb not in ("list", "watch") and each.resource != "events"
    )
    assert made["create"] == MANY * OBJECTS
    # The finalizer, and every status.
    assert made["update"] <= MANY * UPDATES
    # The Store is read once per sync, and for the finalizer.
    assert platform.syncs() - syncs <= MANY * SYNCS
    assert made["get"] <= MANY * (SYNCS + 1)
    assert sum(made.values()) <= MANY * (OBJECTS + UPDATES + SYNCS + 1)
