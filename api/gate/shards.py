"""Assign a new Store to one of several controllers."""

from __future__ import annotations

import zlib
from typing import Any

from storeplatform.common.objects import GROUP

from .review import Review

LABEL = f"{GROUP}/shard"


def shard_of(review: Review, shards: int) -> str:
    """Return a new Store's shard, derived from its name; "" if there is only one controller.

    No caller can choose it.
    """
    if shards < 2:
        return ""
    # The request's id is used if the name is not generated yet.
    return str(zlib.crc32((review.name or review.uid).encode()) % shards)


def labelled(labels: dict[str, Any], shard: str) -> dict[str, Any]:
    """Return a new Store's labels, including its shard."""
    rest = {name: value for name, value in labels.items() if name != LABEL}
    return {**rest, LABEL: shard} if shard else rest
