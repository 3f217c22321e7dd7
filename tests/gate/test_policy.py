"""Who may do what with whose store: each caller with each operation, on the real API server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.client import ApiError, Client, Object
from tests.cluster.waiting import wait_until
from tests.stores.gate import Gate
from tests.stores.platform import API

from .callers import ANN, CALLERS, store

pytestmark = pytest.mark.usefixtures("empty")

VOUCHED = {"platform.urumi.dev/requested-by": ANN}

NOT_YOU = "spec.owner of store shop must be you, {caller}, not ann@example.com: set it to your own name, or ask"
NOT_YOURS = "store shop belongs to ann@example.com, and you are {caller}: only its owner may change or delete it"
NO_VOUCHER = "the annotation platform.urumi.dev/requested-by of store shop must stay as it is"
CONFINED = "the controller must not change the spec of a Store"
NO_ROLE = "cannot {verb} resource"

YES = None

# By caller: creates for ann, creates with the API's annotation, changes, changes the annotation, deletes.
TABLE: dict[str, tuple[str | None, ...]] = {
    "ann": (YES, NO_VOUCHER, YES, NO_VOUCHER, YES),
    "ann-phone": (YES, NO_VOUCHER, YES, NO_VOUCHER, YES),
    "bob": (NOT_YOU, NOT_YOU, NOT_YOURS, NOT_YOURS, NOT_YOURS),
    "stranger": (NO_ROLE, NO_ROLE, NO_ROLE, NO_ROLE, NO_ROLE),
    "platform-admin": (YES, NO_VOUCHER, YES, NO_VOUCHER, YES),
    "admin": (YES, YES, YES, YES, YES),
    "api": (YES, YES, YES, YES, YES),
    "metacontroller": (NO_ROLE, NO_ROLE, CONFINED, NO_VOUCHER, NO_ROLE),
    "reaper": (NO_ROLE, NO_ROLE, NO_ROLE, NO_ROLE, YES),
}


def replaced(client: Client, gate: Gate, change: Object) -> None:
    """Change by PUT, which Metacontroller's role allows and its client uses."""
    found = {**gate.client.get(API, "Store", "shop"), "apiVersion": API, "kind": "Store"}
    client.replace({**found, **{part: {**found[part], **values} for part, values in change.items()}})


def act(operation: int, client: Client, gate: Gate) -> None:
    if operation == 0:
        client.create(store("shop"))
    elif operation == 1:
        client.create(store("shop", annotations=VOUCHED))
    elif operation == 2:
        replaced(client, gate, {"spec": {"plan": "large"}})
    elif operation == 3:
        replaced(client, gate, {"metadata": {"annotations": VOUCHED}})
    else:
        client.delete(store("shop"))


@pytest.mark.parametrize("operation", range(5), ids=["create", "create-vouched", "change", "vouch", "delete"])
@pytest.mark.parametrize("caller", TABLE)
def test_a_caller_may_do_what_the_table_says(
    gate: Gate, clients: dict[str, Client], caller: str, operation: int
) -> None:
    if operation > 1:
        gate.client.create(store("shop"))
    expected = TABLE[caller][operation]
    if expected is None:
        act(operation, clients[caller], gate)
        return
    with pytest.raises(ApiError) as error:
        act(operation, clients[caller], gate)
    assert error.value.code == 403
    verb = ("create", "create", "update", "update", "delete")[operation]
    who = CALLERS[caller][0] if caller in CALLERS else caller
    assert expected.format(caller=who, verb=verb) in error.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"finalizers": None}},
        {"metadata": {"annotations": {"a": "b"}}},
        {"spec": {"suspended": True}},
    ],
)
def test_no_field_of_another_owners_store_can_be_changed(
    gate: Gate, clients: dict[str, Client], change: Object
) -> None:
    held = store("shop")
    held["metadata"]["finalizers"] = ["example.com/held"]
    gate.client.create(held)
    with pytest.raises(ApiError, match=r"belongs to ann@example[.]com"):
        clients["bob"].patch(held, change)
    gate.client.patch(held, {"metadata": {"finalizers": None}})


def test_an_owner_can_not_remove_the_apis_annotation(gate: Gate, clients: dict[str, Client]) -> None:
    clients["api"].create(store("shop", annotations=VOUCHED))
    for value in ("somebody", None):
        with pytest.raises(ApiError, match="must stay as it is"):
            clients["ann"].patch(store("shop"), {"metadata": {"annotations": {next(iter(VOUCHED)): value}}})
    clients["ann"].patch(store("shop"), {"spec": {"plan": "medium"}})


def test_deleting_many_stores_at_once_deletes_only_ones_own(gate: Gate, clients: dict[str, Client]) -> None:
    gate.client.create(store("bobs", owner="bob"))
    owner_role: dict[str, Any] = {"verbs": ["deletecollection"], "apiGroups": ["platform.urumi.dev"]}
    name = {"name": "collectors"}
    gate.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": name,
            "rules": [{**owner_role, "resources": ["stores"]}],
        }
    )
    gate.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "subjects": [{"kind": "User", "name": ANN, "apiGroup": "rbac.authorization.k8s.io"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "collectors"},
        }
    )

    def refused() -> bool:
        with pytest.raises(ApiError) as error:
            clients["ann"].request("DELETE", clients["ann"].path(API, "Store"))
        return "belongs to bob" in error.value.message

    wait_until(refused, "the role holds, and the policy")
    assert gate.client.get(API, "Store", "bobs")


def test_a_foreground_deletion_completes(gate: Gate, clients: dict[str, Client]) -> None:
    clients["ann"].create(store("shop"))
    clients["ann"].delete(store("shop"), propagation="Foreground")
    # The garbage collector looks for new kinds every half minute.
    wait_until(lambda: gate.client.find(API, "Store", "shop") is None, "the Store is gone", 120)


def test_the_garbage_collector_may_remove_its_finalizer(gate: Gate, clients: dict[str, Client]) -> None:
    """With its own account, as on most clusters; here it is the controller manager's."""
    held = store("shop")
    held["metadata"]["finalizers"] = ["foregroundDeletion"]
    gate.client.create(held)
    gate.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "collector"},
            "subjects": [{"kind": "User", "name": CALLERS["collector"][0], "apiGroup": "rbac.authorization.k8s.io"}],
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "system:controller:generic-garbage-collector",
            },
        }
    )
    wait_until(lambda: clients["collector"].patch(held, {"metadata": {"finalizers": None}}), "it is taken off")
