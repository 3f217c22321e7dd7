"""The API server as the gate needs it: Stores counted, StoreQuotas read and written, Events made.

Every call ends with the deadline of the admission it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from kubernetes.client.exceptions import ApiException

from storeplatform.api.cluster import JSON, OURS, connect
from storeplatform.common.objects import GROUP, VERSION

# Rows of a table with no objects in them: 10,000 names are 2 MB, the Stores themselves would be 100.
NAMES = "application/json;as=Table;v=v1;g=meta.k8s.io"

# Of a field selector these are syntax. An owner may have them in their name.
ESCAPED = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


class TimeIsUp(Exception):
    """The admission has to be answered now, or the API server stops waiting for it."""


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        return cls(monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds, more than none. :raise TimeIsUp: there are none."""
        if (seconds := self.at - monotonic()) <= 0:
            raise TimeIsUp
        return seconds


class GateCluster:
    """Calls as the service account this runs with, or as the user of the current kubeconfig.

    Each call raises ``ApiException`` for a refusal, ``urllib3``'s ``HTTPError`` where there is no answer, and
    ``TimeIsUp``.
    """

    def __init__(self) -> None:
        """:raise kubernetes.config.ConfigException: this runs in no cluster, and there is no kubeconfig."""
        self._api = connect()

    def quota(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """The StoreQuota, or None."""
        return self._found("GET", f"{OURS}/storequotas/{name}", deadline)

    def create_quota(self, name: str, owner: str | None, deadline: Deadline) -> dict[str, Any]:
        """A StoreQuota that says no limit: the settings' is its."""
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "StoreQuota", "metadata": {"name": name}}
        return self._call("POST", f"{OURS}/storequotas", deadline, {**body, "spec": {"owner": owner} if owner else {}})

    def write_quota_status(self, quota: Mapping[str, Any], deadline: Deadline) -> None:
        """Only if it is still the one that was read; else an ApiException with status 409."""
        self._call("PUT", f"{OURS}/storequotas/{quota['metadata']['name']}/status", deadline, quota)

    def store(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """The Store, or None."""
        return self._found("GET", f"{OURS}/stores/{name}", deadline)

    def namespace(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """The Namespace, or None."""
        return self._found("GET", f"/api/v1/namespaces/{name}", deadline)

    def names(self, owner: str | None, deadline: Deadline) -> set[str]:
        """The names of an owner's stores, or of all: as they are now, from no cache."""
        query = {"includeObject": "None"}
        if owner is not None:
            query["fieldSelector"] = f"spec.owner={owner.translate(ESCAPED)}"
        table = self._call("GET", f"{OURS}/stores", deadline, query=query, accept=NAMES)
        return {row["cells"][0] for row in table.get("rows") or []}

    def count(self, deadline: Deadline) -> int | None:
        """How many stores there are; None where the API server doesn't say."""
        page = self._call(
            "GET", f"{OURS}/stores", deadline, query={"limit": "1", "includeObject": "None"}, accept=NAMES
        )
        metadata, here = page["metadata"], len(page.get("rows") or [])
        if not metadata.get("continue"):
            return here
        rest = metadata.get("remainingItemCount")
        return None if rest is None else here + int(rest)

    def create_event(self, event: Mapping[str, Any], deadline: Deadline) -> None:
        """Write a core Event; one of that name that is there is left as it is."""
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        try:
            self._call("POST", path, deadline, event)
        except ApiException as error:
            if error.status != 409:
                raise

    def _found(self, method: str, path: str, deadline: Deadline) -> dict[str, Any] | None:
        try:
            return self._call(method, path, deadline)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def _call(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> dict[str, Any]:
        return self._api.call(method, path, body=body, query=query, accept=accept, timeout=deadline.remaining())
