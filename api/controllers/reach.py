"""The controllers' access to the cluster beside Stores: namespaces, and readers' roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from ..cluster import Cluster, Object, answered, selector


class Reach:
    """Calls of the API server. :raise ApiException, Unreachable: by each method, like ``Cluster``."""

    def __init__(self, cluster: Cluster) -> None:
        self._core, self._rbac = client.CoreV1Api(cluster.api), client.RbacAuthorizationV1Api(cluster.api)

    def namespaces(self, label: str) -> Iterator[Object]:
        """Yield every namespace that has the label, read page by page."""
        more: str | None = None
        while True:
            with answered():
                answer: Any = self._core.list_namespace(
                    label_selector=label, limit=500, _continue=more, _preload_content=False
                )
                page = orjson.loads(answer.data)
            yield from page["items"]
            if not (more := page["metadata"].get("continue")):
                return

    def roles(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the ClusterRoles that have those labels."""
        with answered():
            answer: Any = self._rbac.list_cluster_role(label_selector=selector(labels), _preload_content=False)
            return list(orjson.loads(answer.data)["items"])

    def put_role(self, role: Any, binding: Any, new: bool) -> Object:
        """Create a ClusterRole and its binding, or replace the role's rules. An existing binding is kept."""
        name = role["metadata"]["name"]
        with answered():
            if not new:
                self._rbac.replace_cluster_role(name, role)
                return dict(role)
            creations: tuple[tuple[Any, Any], ...] = (
                (self._rbac.create_cluster_role, role),
                (self._rbac.create_cluster_role_binding, binding),
            )
            for create, body in creations:
                try:
                    create(body)
                except ApiException as error:
                    if error.status != 409:
                        raise
            return dict(role)

    def delete_role(self, name: str) -> None:
        """Delete a ClusterRole and the binding of the same name."""
        with answered():
            for delete in (self._rbac.delete_cluster_role_binding, self._rbac.delete_cluster_role):
                try:
                    delete(name)
                except ApiException as error:
                    if error.status != 404:
                        raise
