"""Which of several controllers a new Store belongs to."""

from __future__ import annotations

import zlib
from typing import Any

from .review import Review

LABEL = "platform.urumi.dev/shard"


def shard_patch(review: Review, shards: int) -> list[dict[str, Any]]:
    """A JSON patch that gives a new Store its shard; empty where it has one, or all are one controller's."""
    labels = review.new.get("metadata", {}).get("labels") or {}
    if shards < 2 or review.operation != "CREATE" or LABEL in labels:
        return []
    # The request's own id stands for a name that is not made up yet.
    shard = zlib.crc32((review.name or review.uid).encode()) % shards
    return [{"op": "add", "path": "/metadata/labels", "value": {**labels, LABEL: str(shard)}}]
