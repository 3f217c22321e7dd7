"""The controllers' access to the cluster beside Stores: namespaces, and readers' roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.client.exceptions import ApiException

from ..cluster import CORE, Cluster, Object, below, selector

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES, BINDINGS = f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"
PAGE = 500


class Reach:
    """Calls of the API server. :raise ApiException, Unreachable: by each method, like ``Cluster``."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def namespaces(self, label: str) -> Iterator[Object]:
        """Yield every namespace that has the label, read page by page."""
        more: str | None = None
        while True:
            query = {"labelSelector": label, "limit": PAGE, "continue": more}
            page = self._cluster.call("GET", f"{CORE}/namespaces", query=query)
            yield from page["items"]
            if not (more := page["metadata"].get("continue")):
                return

    def roles(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the ClusterRoles that have those labels."""
        return list(self._cluster.call("GET", ROLES, query={"labelSelector": selector(labels)})["items"])

    def put_role(self, role: Any, binding: Any, new: bool) -> Object:
        """Create a ClusterRole and its binding, or replace the role's rules. An existing binding is kept."""
        if not new:
            self._cluster.call("PUT", below(ROLES, role["metadata"]["name"]), body=role)
            return dict(role)
        for path, body in ((ROLES, role), (BINDINGS, binding)):
            try:
                self._cluster.call("POST", path, body=body)
            except ApiException as error:
                if error.status != 409:
                    raise
        return dict(role)

    def delete_role(self, name: str) -> None:
        """Delete a ClusterRole and the binding of the same name."""
        for path in (BINDINGS, ROLES):
            try:
                self._cluster.call("DELETE", below(path, name))
            except ApiException as error:
                if error.status != 404:
                    raise
