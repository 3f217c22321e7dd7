"""Leases in the platform's namespace: objects of which the API server makes each name once."""

from __future__ import annotations

from collections.abc import Mapping

from kubernetes.client.exceptions import ApiException

from .cluster import Cluster, Object, below, deletion, selector


class Leases:
    """:raise ApiException, Unreachable: of each method, as ``Cluster``'s."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self._path = below("/apis/coordination.k8s.io/v1", "namespaces", namespace, "leases")

    def create(self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Object | None:
        """The Lease as it was made; None where one of its name is there."""
        metadata = {"name": name, "labels": dict(labels), "annotations": dict(annotations)}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}
        try:
            return self.cluster.call("POST", self._path, body=body)
        except ApiException as error:
            if error.status == 409:
                return None
            raise

    def find(self, name: str) -> Object | None:
        """The Lease, None where there is none."""
        return self.cluster.found(below(self._path, name))

    def list(self, labels: Mapping[str, str]) -> list[Object]:
        """Those that have these labels."""
        return list(self.cluster.call("GET", self._path, query={"labelSelector": selector(labels)})["items"])

    def replace(self, lease: Object) -> Object:
        """The Lease as it is now; 409 where it is not the one that was read."""
        return self.cluster.call("PUT", below(self._path, lease["metadata"]["name"]), body=lease)

    def delete(self, lease: Object) -> None:
        """Remove the Lease if it is as it was read; do nothing if it was changed or removed since."""
        metadata = lease["metadata"]
        try:
            self.cluster.call("DELETE", below(self._path, metadata["name"]), body=deletion(metadata))
        except ApiException as error:
            if error.status not in (404, 409):
                raise
