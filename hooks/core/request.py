"""Metacontroller's request: a store, its observed children, and whether it is being deleted.

The format is Metacontroller's, hook version v2: https://metacontroller.github.io/metacontroller/api/hook
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from storeplatform.common.objects import GROUP

from .objects import Key, Object, dig, identified, mappings


class MalformedRequest(Exception):
    """The body is not a sync request for a Store. The message contains nothing of the body."""


@dataclass(frozen=True)
class SyncRequest:
    """One request. ``now`` (RFC 3339, UTC, whole seconds) is the core's only clock; ``pods`` are those of the store's
    namespace, if the controller relates them.
    """

    parent: Object
    observed: Mapping[Key, Object]
    finalizing: bool
    now: str
    pods: tuple[Object, ...] = ()

    @property
    def status(self) -> Object:
        """The Store's status of the previous response; empty before the first."""
        status = self.parent.get("status")
        return status if isinstance(status, dict) else {}


def parse(body: bytes, now: str) -> SyncRequest:
    """Parse a request's body.

    :raise MalformedRequest: it is invalid; the message says what must hold.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest("the body must be JSON") from error
    parent = dig(content, "parent")
    if not identified(parent) or not str(parent["apiVersion"]).startswith(f"{GROUP}/") or parent["kind"] != "Store":
        raise MalformedRequest(f"the parent must be a Store of {GROUP} with a name")
    if not isinstance(dig(parent, "metadata", "uid"), str) or not parent["metadata"]["uid"]:
        raise MalformedRequest("the parent must have a uid")
    groups = content.get("children", {})
    finalizing = content.get("finalizing", False)
    if not isinstance(groups, dict) or not isinstance(finalizing, bool):
        raise MalformedRequest("children must be a mapping and finalizing a boolean")
    observed: dict[Key, Object] = {}
    for group in groups.values():
        if not isinstance(group, dict) or not all(identified(child) for child in group.values()):
            raise MalformedRequest("every child must be an object with apiVersion, kind and a name")
        observed.update((Key.of(child), child) for child in group.values())
    return SyncRequest(parent, observed, finalizing, now, _pods(content, observed))


def _pods(content: Object, observed: Mapping[Key, Object]) -> tuple[Object, ...]:
    """Return the related pods. Until the namespace is a child of the Store, its pods belong to somebody else."""
    pods = dig(content, "related", "Pod.v1")
    if not isinstance(pods, dict) or not any(key.kind == "Namespace" for key in observed):
        return ()
    return tuple(mappings(list(pods.values())))
