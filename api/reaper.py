"""Deletes stores whose time of grace is over. A hook can't delete its parent, so a CronJob runs this.

``python -m storeplatform.api.reaper``. Its role is to list and delete Stores, no more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from .cluster import GROUP, STORES, VERSION, connect

PAGE = 500


def due(store: dict[str, Any], now: datetime) -> bool:
    """Whether a Store is to be deleted: its status, made from its newest spec, says when, and that is past.

    A Store whose end was moved after that status was made is not due; nor is a protected one.
    """
    spec, status = store["spec"], store.get("status", {})
    current = status.get("observedGeneration") == store["metadata"]["generation"]
    if not current or not spec.get("expiresAt") or spec.get("deletionProtection"):
        return False
    deletes_at = status.get("deletesAt")
    return status.get("phase") == "Suspended" and bool(deletes_at) and datetime.fromisoformat(deletes_at) <= now


def stores(api: client.CustomObjectsApi) -> Iterator[dict[str, Any]]:
    """Every Store, a page at a time."""
    page: Any = {"metadata": {}}
    while page["metadata"].get("continue") or "items" not in page:
        page = api.list_cluster_custom_object(
            GROUP, VERSION, STORES, limit=PAGE, _continue=page["metadata"].get("continue")
        )
        yield from page["items"]


def reap(api: client.CustomObjectsApi, now: datetime) -> int:
    """Delete what is due, one log line each; how many could not be. A Store that changed meanwhile is left alone."""
    failed = 0
    for store in stores(api):
        if not due(store, now):
            continue
        metadata = store["metadata"]
        unchanged = client.V1Preconditions(uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        options = client.V1DeleteOptions(preconditions=unchanged, propagation_policy="Background")
        try:
            api.delete_cluster_custom_object(GROUP, VERSION, STORES, metadata["name"], body=options)
            outcome = "deleted"
        except ApiException as error:
            outcome = f"not deleted: {error.status} {error.reason}"
            failed += error.status not in (404, 409)
        print(json.dumps({"message": outcome, "store": metadata["name"], "deletesAt": store["status"]["deletesAt"]}))
    return failed


def main() -> None:
    """Reap once, in the cluster this runs in or the one of the current kubeconfig."""
    sys.exit(1 if reap(client.CustomObjectsApi(connect()), datetime.now(UTC)) else 0)


if __name__ == "__main__":
    main()
