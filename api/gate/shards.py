"""Which of several controllers a new Store belongs to."""

from __future__ import annotations

import zlib
from typing import Any

from storeplatform.common.objects import GROUP

from .review import Review

LABEL = f"{GROUP}/shard"


def shard_of(review: Review, shards: int) -> str:
    """The shard of a new Store, by its name; empty where all Stores are one controller's. No caller chooses it."""
    if shards < 2:
        return ""
    # The request's own id stands for a name that is not made up yet.
    return str(zlib.crc32((review.name or review.uid).encode()) % shards)


def labelled(labels: dict[str, Any], shard: str) -> dict[str, Any]:
    """A new Store's labels with its shard."""
    rest = {name: value for name, value in labels.items() if name != LABEL}
    return {**rest, LABEL: shard} if shard else rest
