"""What of the cluster the controllers reach beside Stores: namespaces, and the roles of readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.client.exceptions import ApiException

from ..cluster import CORE, Cluster, Object, below, selector

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES, BINDINGS = f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"
PAGE = 500


class Reach:
    """:raise ApiException, Unreachable: of each method, as ``Cluster``'s."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def namespaces(self, label: str) -> Iterator[Object]:
        """Every namespace that has the label, a page at a time."""
        more: str | None = None
        while True:
            query = {"labelSelector": label, "limit": PAGE, "continue": more}
            page = self._cluster.call("GET", f"{CORE}/namespaces", query=query)
            yield from page["items"]
            if not (more := page["metadata"].get("continue")):
                return

    def roles(self, labels: Mapping[str, str]) -> list[Object]:
        """The ClusterRoles that have those labels."""
        return list(self._cluster.call("GET", ROLES, query={"labelSelector": selector(labels)})["items"])

    def put_role(self, role: Any, binding: Any, new: bool) -> Object:
        """Make a ClusterRole and its binding, or replace what the role allows. One that is there is as good."""
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
        """Remove a ClusterRole and its binding of the same name."""
        for path in (BINDINGS, ROLES):
            try:
                self._cluster.call("DELETE", below(path, name))
            except ApiException as error:
                if error.status != 404:
                    raise
