"""Several controllers: a new store gets its shard by its name, before anything else sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.client import ApiError, Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate

from .callers import bind_owners, store

SHARD = "platform.urumi.dev/shard"


@pytest.fixture(scope="module")
def gate(plane: ControlPlane) -> Iterator[Gate]:
    """The gate of a platform with three controllers."""
    with Gate(plane, settings={"shards": 3}) as gate:
        bind_owners(plane)
        yield gate


def labels(client: Client, name: str, **own: str) -> dict[str, str]:
    asked = store(name)
    asked["metadata"]["labels"] = own
    return client.create(asked, dryRun="All")["metadata"]["labels"]


def test_a_new_store_gets_its_shard_and_keeps_its_labels(clients: dict[str, Client]) -> None:
    shards = [labels(clients["ann"], f"shop-{number}", colour="red") for number in range(30)]
    assert {each[SHARD] for each in shards} == {"0", "1", "2"}
    assert {each["colour"] for each in shards} == {"red"}
    assert shards[0] == labels(clients["ann"], "shop-0", colour="red")


def test_a_caller_can_not_choose_a_new_stores_shard(clients: dict[str, Client]) -> None:
    own = labels(clients["ann"], "shop")[SHARD]
    for caller in ("ann", "platform-admin"):
        assert labels(clients[caller], "shop", **{SHARD: "7"})[SHARD] == own


def test_a_store_without_a_shard_is_refused(gate: Gate, clients: dict[str, Client]) -> None:
    """As if the webhook that assigns it timed out, which lets a request continue."""
    hooks = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    hooks["metadata"] = {"name": "store-gate"}  # type: ignore[assignment]
    gate.client.delete(hooks)
    try:

        def refused() -> bool:
            try:
                clients["ann"].create(store("shop"), dryRun="All")
            except ApiError as error:
                return (error.code, error.message.rpartition(": ")[2]) == (429, "try again")
            return False

        wait_until(refused, "it is refused")
    finally:
        gate.install_webhooks()
