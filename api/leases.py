"""Leases in the platform's namespace, used because the API server creates each name only once."""

from __future__ import annotations

from collections.abc import Mapping

from kubernetes.client.exceptions import ApiException

from .cluster import Cluster, Object, below, deletion, selector


class Leases:
    """Create, read and change Leases. :raise ApiException, Unreachable: by each method, like ``Cluster``."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self._path = below("/apis/coordination.k8s.io/v1", "namespaces", namespace, "leases")

    def create(self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Object | None:
        """Create the Lease and return it; None if one of that name exists."""
        metadata = {"name": name, "labels": dict(labels), "annotations": dict(annotations)}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}
        try:
            return self.cluster.call("POST", self._path, body=body)
        except ApiException as error:
            if error.status == 409:
                return None
            raise

    def find(self, name: str) -> Object | None:
        """Return the Lease; None if there is none."""
        return self.cluster.found(below(self._path, name))

    def list(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the Leases that have these labels."""
        return list(self.cluster.call("GET", self._path, query={"labelSelector": selector(labels)})["items"])

    def replace(self, lease: Object) -> Object:
        """Replace the Lease and return it; 409 if it changed since it was read."""
        return self.cluster.call("PUT", below(self._path, lease["metadata"]["name"]), body=lease)

    def delete(self, lease: Object) -> None:
        """Delete the Lease unless it was changed or deleted since it was read."""
        metadata = lease["metadata"]
        try:
            self.cluster.call("DELETE", below(self._path, metadata["name"]), body=deletion(metadata))
        except ApiException as error:
            if error.status not in (404, 409):
                raise
