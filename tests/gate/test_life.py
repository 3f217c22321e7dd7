"""A complete platform with its gate: the controller, the hooks and an owner who uses kubectl."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.client import ApiError, Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate
from tests.stores.platform import API, Platform

from .callers import ANN, store
from .conftest import new_plane


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    """A separate one: the controller acts on every store it finds."""
    with new_plane() as plane:
        yield plane


def test_a_store_survives_the_gates_outage_and_ends_with_a_deletion_record(
    plane: ControlPlane, gate: Gate, clients: dict[str, Client]
) -> None:
    ann = clients["ann"]
    with Platform(plane) as platform:
        ann.create(store("shop"))
        platform.await_phase("shop", "Ready")
        gate.kill()
        ann.patch(store("shop"), {"spec": {"plan": "medium"}})
        platform.await_phase("shop", "Ready")
        storefront = platform.client.get("apps/v1", "Deployment", "storefront", "store-shop")
        assert storefront["spec"]["replicas"] == 2
        platform.client.delete({**storefront, "apiVersion": "apps/v1", "kind": "Deployment"})
        wait_until(
            lambda: (
                platform.client.find("apps/v1", "Deployment", "storefront", "store-shop")["metadata"]["uid"]
                != storefront["metadata"]["uid"]
            ),
            "it is created again",
        )
        platform.await_phase("shop", "Ready")
        with pytest.raises(ApiError, match="failed calling webhook"):
            ann.create(store("another"))
        gate.start()
        ann.delete(store("shop"))
        wait_until(lambda: platform.client.find(API, "Store", "shop") is None, "the Store is gone", 90)
    (event,) = wait_until(
        lambda: gate.client.list_all("v1", "Event", "default", fieldSelector="reason=StoreGone"), "there is a record"
    )
    assert event["message"] == "store shop is gone: nothing remains"
    wait_until(lambda: gate.records(action="gone"), "its end is reported")
    recorded = [(each.actor, each.action) for each in gate.records(store="shop", outcome="admitted")]
    assert recorded == [
        (ANN, "create"),
        (ANN, "delete"),
        ("system:serviceaccount:metacontroller:metacontroller", "gone"),
    ]
