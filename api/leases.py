"""Leases in the platform's namespace, used because the API server creates each name only once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from .cluster import Cluster, Object, answered, made_yet, selector


class Leases:
    """Create, read and change Leases. :raise ApiException, Unreachable: by each method, like ``Cluster``."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace, self.coordination = namespace, client.CoordinationV1Api(cluster.api)

    def create(self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Object | None:
        """Create the Lease and return it; None if one of that name exists."""
        body: Any = {"metadata": {"name": name, "labels": labels, "annotations": annotations}, "spec": {}}
        with answered():
            try:
                answer: Any = self.coordination.create_namespaced_lease(self.namespace, body, _preload_content=False)
            except ApiException as error:
                if error.status == 409:
                    return None
                raise
            return dict(orjson.loads(answer.data))

    def find(self, name: str) -> Object | None:
        """Return the Lease; None if there is none."""
        return made_yet(lambda: self.coordination.read_namespaced_lease(name, self.namespace, _preload_content=False))

    def list(self, labels: Mapping[str, str]) -> list[Object]:
        """Return the Leases that have these labels."""
        with answered():
            answer: Any = self.coordination.list_namespaced_lease(
                self.namespace, label_selector=selector(labels), _preload_content=False
            )
            return list(orjson.loads(answer.data)["items"])

    def replace(self, lease: Object) -> Object:
        """Replace the Lease and return it; 409 if it changed since it was read."""
        name, body = lease["metadata"]["name"], lease
        with answered():
            answer: Any = self.coordination.replace_namespaced_lease(
                name,
                self.namespace,
                body,  # type: ignore[arg-type]  # a plain mapping is as good to the client
                _preload_content=False,
            )
            return dict(orjson.loads(answer.data))

    def delete(self, lease: Object) -> None:
        """Delete the Lease unless it was changed or deleted since it was read."""
        metadata = lease["metadata"]
        unchanged = client.V1Preconditions(uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        with answered():
            try:
                self.coordination.delete_namespaced_lease(
                    lease["metadata"]["name"], self.namespace, body=client.V1DeleteOptions(preconditions=unchanged)
                )
            except ApiException as error:
                if error.status not in (404, 409):
                    raise
