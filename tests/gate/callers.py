"""The callers in these tests, and the Stores that they create."""

from __future__ import annotations

from typing import Any

from tests.cluster.client import ApiError, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.stores.platform import API

EVERYBODY = ("system:authenticated",)

# By short name: the user name and groups of the API server's users. "ann-phone" is ann with another token.
CALLERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ann": ("ann@example.com", ("owners", *EVERYBODY)),
    "ann-phone": ("ann@example.com", ("owners", *EVERYBODY)),
    "bob": ("bob", ("owners", *EVERYBODY)),
    "odd": ("o'dd, a=b\\c", ("owners", *EVERYBODY)),
    "platform-admin": ("pat", ("store-platform:admins", *EVERYBODY)),
    "reaper": ("system:serviceaccount:store-platform:reaper", ("system:serviceaccounts", *EVERYBODY)),
    "collector": (
        "system:serviceaccount:kube-system:generic-garbage-collector",
        ("system:serviceaccounts", *EVERYBODY),
    ),
    "stranger": ("eve", EVERYBODY),
}
ANN = CALLERS["ann"][0]


def store(name: str, owner: str = ANN, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    """Return a Store as a caller would create it."""
    metadata: Object = {"name": name} | ({"annotations": annotations} if annotations else {})
    return {
        "apiVersion": API,
        "kind": "Store",
        "metadata": metadata,
        "spec": {"engine": "medusa", "owner": owner, **spec},
    }


def bind_owners(plane: ControlPlane) -> None:
    """Allow the group "owners" to have stores by kubectl, and wait until the policy and the roles apply."""
    plane.client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "owners"},
            "subjects": [{"kind": "Group", "name": "owners", "apiGroup": "rbac.authorization.k8s.io"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "store-owner"},
        }
    )
    bob = plane.client_for("bob")

    def holds() -> bool:
        try:
            bob.create(store("asked"), dryRun="All")
        except ApiError as error:
            return "must be you" in error.message
        return False

    wait_until(holds, "the policy holds")
    bob.close()
