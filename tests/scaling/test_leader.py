"""Of two controllers one leads; if it is killed, the other one finishes its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import METACONTROLLER_ACCOUNT
from tests.cluster.loops import STAND_IN, Loop, find_metacontroller
from tests.cluster.waiting import wait_until
from tests.stores.platform import Platform
from tests.values import chart_values

STORES = [f"shop-{number}" for number in range(12)]
# Metacontroller has no flag for the lease's duration without its holder: 15 s, and an attempt every 2 s.
LEASE_SECONDS = 15
# The code that the API server records for a request whose client disconnected; it may have been done nevertheless.
ABANDONED = 504


def election() -> tuple[str, ...]:
    """Return the shipped flags for leader election."""
    arguments = chart_values()["metacontroller"]["commandArgs"]
    # In a pod this is its own namespace.
    return (
        *(flag for flag in arguments if flag.startswith("--leader-election")),
        "--leader-election-namespace=metacontroller",
    )


class Two:
    """Two controllers that share a Lease; both are `metacontroller`, with the permissions of the shipped roles."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        kubeconfig = platform.plane.kubeconfig("metacontroller")
        self.loops = [
            Loop(kubeconfig, platform.home / f"loop-{number}.log", "metacontroller", election()) for number in range(2)
        ]

    def lease(self) -> Object:
        """Return who leads, since when, and how often that changed."""
        lease = self.platform.client.find(
            "coordination.k8s.io/v1", "Lease", "metacontroller-stores", namespace="metacontroller"
        )
        return (lease or {}).get("spec", {})


@pytest.fixture
def two(own_plane: ControlPlane) -> Iterator[Two]:
    with Platform(own_plane, loop=STAND_IN) as platform:
        platform.loop.stop()  # these two replace it
        two = Two(platform)
        try:
            yield two
        finally:
            for loop in two.loops:
                loop.stop()


def generations(children: dict[str, list[Object]]) -> dict[str, Any]:
    """Return generations by UID, so that a recreated object differs. Some kinds have none."""
    return {
        each["metadata"]["uid"]: each["metadata"].get("generation") for objects in children.values() for each in objects
    }


@pytest.mark.skipif(not find_metacontroller(), reason="no metacontroller on PATH; the stand-in elects no leader")
def test_the_next_leader_finishes_and_writes_nothing_twice(two: Two) -> None:
    platform, (leader, standby) = two.platform, two.loops
    leader.start()
    first = wait_until(lambda: two.lease().get("holderIdentity"), "one leads", stop_if=leader.failure)
    standby.start()
    for name in STORES:
        platform.apply(name)
    wait_until(lambda: platform.in_phase("Provisioning"), "stores are under way")
    leader.kill()
    assert two.lease()["holderIdentity"] == first
    assert platform.in_phase("Ready") != set(STORES), "all were Ready before the kill: apply more"
    made = generations(platform.children_of(STORES))
    assert made

    def taken_over() -> bool:
        return bool(two.lease()["holderIdentity"] not in ("", first))

    wait_until(taken_over, "the next one leads", 4 * LEASE_SECONDS, stop_if=standby.failure)
    for name in STORES:
        platform.await_phase(name, "Ready", 120)
    now = generations(platform.children_of(STORES))
    assert {uid: now.get(uid, "gone") for uid in made} == made
    by_loops = [write for write in platform.plane.audit.writes() if write.user == METACONTROLLER_ACCOUNT]
    creates = [w for w in by_loops if w.verb == "create"]
    made_by_loops = Counter((w.resource, w.namespace, w.name) for w in creates if w.code == 201)
    assert [each for each, count in made_by_loops.items() if count > 1] == []
    abandoned = {(w.resource, w.namespace, w.name) for w in creates if w.code == ABANDONED}
    assert len(made_by_loops.keys() | abandoned) >= len(now), "not all of it was made by the loops"
    written = Counter((w.resource, w.namespace, w.name) for w in by_loops if (w.verb, w.code) == ("update", 200))
    again = {each: count for each, count in written.items() if each[0].split("/")[0] not in ("stores", "leases")}
    # A Secret's data is applied only at its creation, which is recorded once.
    assert {(resource, count) for (resource, _, _), count in again.items()} <= {("secrets", 1)}
    assert standby.log_errors() == []
