"""The platform's own controllers as shipped: a process with the rights of its role, on the real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storeplatform.api.controllers.readers import PREFIX
from storeplatform.api.storequotas import quota_name
from tests.cluster.client import ApiError, Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.fixtures import binary
from tests.cluster.waiting import wait_until
from tests.gate.callers import CALLERS, bind_owners, store
from tests.stores.platform import API, apply_shipped

from .names import Names
from .process import CONTROLLERS_USER, controllers, metric

__all__ = ["binary"]

USERS = {**CONTROLLERS_USER, **{name: User(*caller) for name, caller in CALLERS.items()}}


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        apply_shipped(plane.client)
        bind_owners(plane)
        labels = {"platform.urumi.dev/store": "orphaned"}
        metadata = {"name": "store-orphaned", "labels": labels}
        plane.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        yield plane


@pytest.fixture(scope="module")
def names() -> Iterator[Names]:
    with Names() as names:
        yield names


@pytest.fixture(scope="module")
def metrics(plane: ControlPlane, names: Names, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The process' metrics address."""
    with controllers(plane, tmp_path_factory.mktemp("controllers"), names.address) as url:
        yield url


@pytest.fixture
def clients(plane: ControlPlane) -> Iterator[dict[str, Client]]:
    made = {name: plane.client_for(name) for name in (*CALLERS, "controllers")}
    yield made
    for each in made.values():
        each.close()


def reads(client: Client, name: str) -> bool:
    try:
        return bool(client.get(API, "Store", name))
    except ApiError as error:
        if error.code != 403:
            raise
        return False


@pytest.mark.usefixtures("metrics")
def test_an_owner_reads_only_their_own_stores_with_kubectl(plane: ControlPlane, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("anns"))
    clients["bob"].create(store("bobs", owner="bob"))
    wait_until(lambda: reads(clients["ann"], "anns") and reads(clients["bob"], "bobs"), "both read their own")
    assert not reads(clients["ann"], "bobs")
    assert not reads(clients["stranger"], "anns")
    for client in (clients["ann"], clients["bob"], clients["stranger"]):
        with pytest.raises(ApiError, match="cannot list resource"):
            client.list_all(API, "Store")
    (own,) = clients["ann"].list_all(API, "Store", fieldSelector="metadata.name=anns")
    assert own["metadata"]["name"] == "anns"
    clients["ann"].create(store("anns-second"))
    wait_until(lambda: reads(clients["ann"], "anns-second"), "the next one is read too")
    clients["ann"].delete(store("anns-second"))
    plane.client.delete(store("bobs"))
    wait_until(
        lambda: plane.client.find("rbac.authorization.k8s.io/v1", "ClusterRole", reader("bob")) is None, "it goes"
    )


def reader(owner: str) -> str:
    return PREFIX + quota_name(owner)


RULE: dict[str, Any] = {
    "apiGroups": ["platform.urumi.dev"],
    "resources": ["stores"],
    "resourceNames": ["x"],
    "verbs": ["get"],
}


@pytest.mark.parametrize(
    ("name", "rule", "allowed"),
    [
        ("store-platform:reader:x", {}, True),
        ("other", {}, False),
        ("store-platform:reader:y", {"resourceNames": []}, False),
        ("store-platform:reader:y", {"resources": ["stores/status"]}, False),
        ("store-platform:reader:y", {"verbs": ["get", "update"]}, False),
        ("store-platform:reader:y", {"verbs": ["get", "watch"]}, False),
    ],
)
def test_the_controllers_may_only_write_roles_of_readers(
    clients: dict[str, Client], name: str, rule: dict[str, Any], allowed: bool
) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    role["rules"] = [{**RULE, **rule}]  # type: ignore[assignment]
    if allowed:
        clients["controllers"].create(role, dryRun="All")
        return
    with pytest.raises(ApiError) as error:
        clients["controllers"].create(role, dryRun="All")
    assert error.value.code == 403


def test_a_host_is_verified_by_the_record_in_its_claim(plane: ControlPlane, names: Names, metrics: str) -> None:
    record = {"name": "_store-platform.shop.example.com", "value": "store-platform=abc"}
    claim = {"apiVersion": API, "kind": "HostnameClaim", "metadata": {"name": "shop"}}
    plane.client.create({**claim, "spec": {"host": "shop.example.com", "record": record}})

    def status() -> dict[str, Any]:
        return dict(plane.client.get(API, "HostnameClaim", "shop").get("status", {}))

    wait_until(lambda: "no TXT records" in status().get("message", ""), "what is missing is reported")
    names.texts[record["name"]] = [record["value"]]
    wait_until(lambda: status().get("verified"), "it is verified", 60)
    assert metric(metrics, 'store_controller_last_run{controller="hostnames"}')


def test_a_namespace_of_a_deleted_store_is_counted(metrics: str) -> None:
    wait_until(lambda: metric(metrics, "store_leftover_namespaces") == 1, "it is counted")
