"""A create that comes again with its Idempotency-Key: it is told by what the Store it made carries."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from .cluster import GROUP, Cluster, Object
from .operations import Body
from .problems import Problem

# A hash of the key and its caller, by which the Store is found, and one of the body it was made with.
KEY_LABEL = f"{GROUP}/idempotency-key"
BODY_ANNOTATION = f"{GROUP}/idempotency-body"


def mark(metadata: dict[str, Any], caller: str, key: str, body: Body) -> None:
    """Have a Store that is to be made say what it was asked for with."""
    metadata["labels"] = {KEY_LABEL: _digest([caller, key])}
    metadata["annotations"] = {**metadata.get("annotations", {}), BODY_ANNOTATION: _digest(body)}


def made_before(cluster: Cluster, new: Object) -> Object | None:
    """The Store that the same request has made already; None where it was not made, or has no key.

    :raise Problem: the key was used for another request.
    """
    metadata = new["metadata"]
    if not (key := metadata.get("labels", {}).get(KEY_LABEL)):
        return None
    found: list[Object] = cluster.list_objects(label_selector=f"{KEY_LABEL}={key}")["items"]
    if not found:
        return None
    if found[0]["metadata"].get("annotations", {}).get(BODY_ANNOTATION) != metadata["annotations"][BODY_ANNOTATION]:
        raise Problem(
            "idempotency-mismatch", "this Idempotency-Key was used for another request: a new one needs a new key"
        )
    return found[0]


def _digest(value: Any) -> str:
    """Of the length a label may have."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:63]
