"""Delete stores whose grace period is over, and idempotency keys after a day.

A hook can't delete its parent, so a CronJob runs this.

``python -m storeplatform.api.reaper``. Its role may only list and delete Stores, and the Leases of idempotency keys.
STORE_PLATFORM_NAMESPACE: the platform's own namespace.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from storeplatform.common.objects import GROUP, VERSION

from .cluster import STORES, Cluster, connect
from .idempotency import forget_old
from .leases import Leases

PAGE = 500


def due(store: dict[str, Any], now: datetime) -> bool:
    """Whether a Store has to be deleted: the time in its status, computed from the current spec, has passed.

    A Store whose expiry changed after that status was written is not due; nor is a protected one.
    """
    spec, status = store["spec"], store.get("status", {})
    current = status.get("observedGeneration") == store["metadata"]["generation"]
    if not current or not spec.get("expiresAt") or spec.get("deletionProtection"):
        return False
    deletes_at = status.get("deletesAt")
    return (
        status.get("phase") in ("Suspending", "Suspended")
        and bool(deletes_at)
        and datetime.fromisoformat(deletes_at) <= now
    )


def stores(api: client.CustomObjectsApi) -> Iterator[dict[str, Any]]:
    """Yield every Store, read page by page."""
    page: Any = {"metadata": {}}
    while page["metadata"].get("continue") or "items" not in page:
        page = api.list_cluster_custom_object(
            GROUP, VERSION, STORES, limit=PAGE, _continue=page["metadata"].get("continue")
        )
        yield from page["items"]


def reap(api: client.CustomObjectsApi, now: datetime) -> int:
    """Delete what is due, with one log line each; return how many deletions failed.

    A Store that changed meanwhile is kept.
    """
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
    """Run once, in the cluster this runs in or the one of the current kubeconfig."""
    api, now = connect(), datetime.now(UTC)
    failed = reap(client.CustomObjectsApi(api), now)
    forgotten = forget_old(Leases(Cluster(api), os.environ.get("STORE_PLATFORM_NAMESPACE") or "store-platform"), now)
    print(json.dumps({"message": "idempotency keys removed", "count": forgotten}))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
