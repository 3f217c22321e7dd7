"""Delete stores whose grace period is over, and idempotency keys after a day.

A hook can't delete its parent, so a CronJob runs this.

``python -m storeplatform.api.reaper``. Its role may only list and delete Stores, and the Leases of idempotency keys.
STORE_PLATFORM_NAMESPACE: the platform's own namespace.
"""

from __future__ import annotations

from storeplatform.common import starting

starting.begin()  # must precede every other import
# ruff: noqa: E402

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kubernetes.client.exceptions import ApiException

from .cluster import Cluster, connect
from .keys import forget_old
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


def stores(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Yield every Store, read page by page."""
    page: Any = {"metadata": {}}
    while page["metadata"].get("continue") or "items" not in page:
        page = cluster.list_objects(limit=PAGE, following=page["metadata"].get("continue"))
        yield from page["items"]


def reap(cluster: Cluster, now: datetime) -> int:
    """Delete what is due, with one log line each; return how many deletions failed.

    A Store that changed meanwhile is kept.
    """
    failed = 0
    for store in stores(cluster):
        if not due(store, now):
            continue
        try:
            cluster.delete(store, unchanged=True)
            outcome = "deleted"
        except ApiException as error:
            outcome = f"not deleted: {error.status} {error.reason}"
            failed += error.status not in (404, 409)
        name, at = store["metadata"]["name"], store["status"]["deletesAt"]
        print(json.dumps({"message": outcome, "store": name, "deletesAt": at}))
    return failed


def main() -> None:
    """Run once, in the cluster this runs in or the one of the current kubeconfig."""
    starting.begun()
    cluster, now = Cluster(connect()), datetime.now(UTC)
    failed = reap(cluster, now)
    forgotten = forget_old(Leases(cluster, os.environ.get("STORE_PLATFORM_NAMESPACE") or "store-platform"), now)
    print(json.dumps({"message": "idempotency keys removed", "count": forgotten}))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
