"""Compute what the gate adds in a request's first webhook, as one JSON patch (RFC 6902)."""

from __future__ import annotations

from typing import Any

from ..callers import REQUESTED_BY
from ..locks import ANNOTATION as LOCKED
from ..locks import locked_fields, with_lock
from .proof import ANNOTATION as ADMISSION
from .proof import Proof
from .review import Review, spec_of
from .shards import labelled, shard_of


def mutation(review: Review, proof: Proof, api_user: str, shards: int, now: float) -> list[dict[str, Any]]:
    """Return the patch: a new Store's shard and the gate's stamp, and locks on the fields that an admin sets.

    :param api_user: the intent API's user name. It acts for the caller that its annotation names.
    :param now: Unix time in seconds.
    """
    if not review.new:
        return []
    metadata = review.new.get("metadata") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    actor = annotations.get(REQUESTED_BY, "") if review.user == api_user else review.user
    before = str(annotations.get(LOCKED, ""))
    wanted_labels = labels
    wanted = with_lock(annotations, locked_fields(before, spec_of(review.old), spec_of(review.new), actor))
    if review.operation == "CREATE":
        shard = shard_of(review, shards)
        wanted_labels = labelled(labels, shard)
        wanted[ADMISSION] = proof.stamp(review, shard, now)
    return [
        {"op": "add", "path": f"/metadata/{name}", "value": after}
        for name, before, after in (("labels", labels, wanted_labels), ("annotations", annotations, wanted))
        if before != after
    ]
