"""Idempotency keys when other requests and failures come in between."""

from __future__ import annotations

from typing import Any

import pytest

from storeplatform.api.cluster import Cluster, connect
from storeplatform.api.idempotency import attempt
from storeplatform.api.leases import Leases
from storeplatform.api.problems import Problem
from tests.cluster.controlplane import ControlPlane

STORE: dict[str, Any] = {"metadata": {"name": "shop", "uid": "u-1"}}


@pytest.fixture
def cluster(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig("api")))
    return Cluster(connect())


@pytest.fixture
def leases(cluster: Cluster) -> Leases:
    return Leases(cluster, "store-platform")


def test_a_refusal_does_not_release_a_key_that_created_a_store_meanwhile(cluster: Cluster, leases: Leases) -> None:
    def refused_while_the_same_is_done() -> None:
        with attempt(cluster, leases, "ann", "race", {"name": "shop"}):
            with attempt(cluster, leases, "ann", "race", {"name": "shop"}) as second:
                second.made(STORE)
            raise Problem("forbidden", "all of them are in use")

    with pytest.raises(Problem, match="all of them are in use"):
        refused_while_the_same_is_done()
    with (
        pytest.raises(Problem, match="used for another request"),
        attempt(cluster, leases, "ann", "race", {"name": "another"}),
    ):
        pass


def test_a_created_store_is_returned_even_if_its_key_was_released(cluster: Cluster, leases: Leases) -> None:
    with attempt(cluster, leases, "ann", "given-back", {"name": "shop"}) as tried:
        leases.delete(tried.lease)
        tried.made(STORE)
