"""Create the deletion record: an Event that outlives the Store and reports that nothing remains of it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from storeplatform.common.times import written

from .review import Review

# The namespace for Events about cluster-scoped objects.
NAMESPACE = "default"
COMPONENT = "store-platform-gate"


def is_last(review: Review) -> bool:
    """Whether a Store that is being deleted loses its last finalizer."""
    old, new = review.old.get("metadata", {}), review.new.get("metadata", {})
    finalizers = old.get("finalizers") and not new.get("finalizers")
    return review.operation == "UPDATE" and bool(old.get("deletionTimestamp") and finalizers)


def words(review: Review) -> str:
    """Return the last message about its deletion in the Store's status."""
    conditions = (review.old.get("status") or {}).get("conditions") or []
    said = next((c["message"] for c in conditions if c["type"] == "Terminating"), "")
    return f"store {review.old['metadata']['name']} is gone: {said or 'nothing is left of it'}"


def event(review: Review, now: datetime) -> dict[str, Any]:
    """Return the Event. Its name contains the Store's name and UID, so creating it twice makes only one."""
    metadata = review.old["metadata"]
    at = written(now)
    about = {"apiVersion": review.old["apiVersion"], "kind": review.old["kind"]}
    about |= {name: metadata[name] for name in ("name", "uid")}
    digest = hashlib.sha256(metadata["uid"].encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": NAMESPACE},
        "involvedObject": about,
        "reason": "StoreGone",
        "message": words(review)[:1024],
        "type": "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "action": "Deleted",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
