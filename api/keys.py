"""The label of the Leases that represent idempotency keys, and the removal of old ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storeplatform.common.objects import GROUP

from .cluster import Object
from .leases import Leases

LABELS = {f"{GROUP}/idempotency": "key"}
KEPT = timedelta(days=1)


def forget_old(leases: Leases, now: datetime) -> int:
    """Remove keys older than a day; return how many."""
    old = [each for each in leases.list(LABELS) if now - _created(each) > KEPT]
    for each in old:
        leases.delete(each)
    return len(old)


def _created(lease: Object) -> datetime:
    return datetime.fromisoformat(lease["metadata"]["creationTimestamp"]).astimezone(UTC)
