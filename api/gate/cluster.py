"""The gate's client of the API server: count Stores, read and write StoreQuotas, create Events.

Every call ends with the deadline of its admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from kubernetes.client.exceptions import ApiException

from storeplatform.api.cluster import JSON, OURS, connect
from storeplatform.common.objects import GROUP, VERSION

# Ask for table rows without objects: 10,000 names are 2 MB, the Stores would be 100 MB.
NAMES = "application/json;as=Table;v=v1;g=meta.k8s.io"

# Characters with a meaning in a field selector. An owner's name may contain them.
ESCAPED = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


class TimeIsUp(Exception):
    """The admission must be answered now, because the API server is about to time out."""


@dataclass(frozen=True)
class Deadline:
    """A time of the monotonic clock."""

    at: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        return cls(monotonic() + seconds)

    def remaining(self) -> float:
        """Return the remaining seconds, more than 0.

        :raise TimeIsUp: the deadline has passed.
        """
        if (seconds := self.at - monotonic()) <= 0:
            raise TimeIsUp
        return seconds


class GateCluster:
    """Calls as this pod's service account, or as the user of the current kubeconfig.

    Each call raises ``ApiException`` if it is refused, ``urllib3``'s ``HTTPError`` if there is no response, and
    ``TimeIsUp``.
    """

    def __init__(self) -> None:
        """Connect. :raise kubernetes.config.ConfigException: this is not in a cluster, and there is no kubeconfig."""
        self._api = connect()

    def quota(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """Return the StoreQuota, or None."""
        return self._found("GET", f"{OURS}/storequotas/{name}", deadline)

    def create_quota(self, name: str, owner: str | None, deadline: Deadline) -> dict[str, Any]:
        """Create a StoreQuota without a limit of its own: the settings' limit applies."""
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "StoreQuota", "metadata": {"name": name}}
        return self._call("POST", f"{OURS}/storequotas", deadline, {**body, "spec": {"owner": owner} if owner else {}})

    def write_quota_status(self, quota: Mapping[str, Any], deadline: Deadline) -> None:
        """Write the status if the object is unchanged since it was read; otherwise raise ApiException (409)."""
        self._call("PUT", f"{OURS}/storequotas/{quota['metadata']['name']}/status", deadline, quota)

    def store(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """Return the Store, or None."""
        return self._found("GET", f"{OURS}/stores/{name}", deadline)

    def namespace(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """Return the Namespace, or None."""
        return self._found("GET", f"/api/v1/namespaces/{name}", deadline)

    def names(self, owner: str | None, deadline: Deadline) -> set[str]:
        """Return the names of an owner's stores, or of all stores: a consistent read, not from a cache."""
        query = {"includeObject": "None"}
        if owner is not None:
            query["fieldSelector"] = f"spec.owner={owner.translate(ESCAPED)}"
        table = self._call("GET", f"{OURS}/stores", deadline, query=query, accept=NAMES)
        return {row["cells"][0] for row in table.get("rows") or []}

    def count(self, deadline: Deadline) -> int | None:
        """Return the number of stores; None if the API server does not report it."""
        page = self._call(
            "GET", f"{OURS}/stores", deadline, query={"limit": "1", "includeObject": "None"}, accept=NAMES
        )
        metadata, here = page["metadata"], len(page.get("rows") or [])
        if not metadata.get("continue"):
            return here
        rest = metadata.get("remainingItemCount")
        return None if rest is None else here + int(rest)

    def create_event(self, event: Mapping[str, Any], deadline: Deadline) -> None:
        """Create a core Event; an existing one of that name is kept."""
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
