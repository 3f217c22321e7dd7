"""The admission policies on the real API server, without any controller."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.cluster.client import Client, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until

from .platform import API, shipped

SHARD = "platform.urumi.dev/shard"


@pytest.fixture(scope="module")
def three_shards(plane: ControlPlane) -> Client:
    """An API server with the CRD and the policies, the number of shards set to three."""
    for obj in shipped("crd.yaml"):
        plane.client.apply(obj)
    for obj in shipped("policy.yaml"):
        for variable in obj["spec"].get("variables", []):
            if variable["name"] == "shards":
                assert variable["expression"] == "1"
                variable["expression"] = "3"
        plane.client.apply(obj)
    wait_until(lambda: SHARD in labels(plane.client, "probe"), "the policy is in force")
    return plane.client


def labels(client: Client, name: str, **metadata: Any) -> dict[str, str]:
    store: Object = {
        "apiVersion": API,
        "kind": "Store",
        "metadata": {"name": name, **metadata},
        "spec": {"engine": "medusa", "owner": "ann"},
    }
    found: dict[str, str] = client.create(store, dryRun="All")["metadata"].get("labels", {})
    return found


def test_stores_are_spread_over_the_shards_by_their_names(three_shards: Client) -> None:
    names = [f"{word}-{number}" for word in ("shop", "store", "corner", "books") for number in range(15)]
    spread = Counter(labels(three_shards, name)[SHARD] for name in names)
    assert set(spread) == {"0", "1", "2"}
    assert min(spread.values()) >= len(names) / 6


def test_a_name_has_always_the_same_shard(three_shards: Client) -> None:
    assert labels(three_shards, "corner-shop") == labels(three_shards, "corner-shop")


def test_other_labels_stay(three_shards: Client) -> None:
    assert labels(three_shards, "corner-shop", labels={"team": "a"}).items() >= {"team": "a"}.items()


def test_a_shard_that_is_said_is_kept(three_shards: Client) -> None:
    assert labels(three_shards, "corner-shop", labels={SHARD: "7"}) == {SHARD: "7"}
