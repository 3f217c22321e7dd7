"""What Metacontroller asks: a store, what is observed of it, and whether it is on its way out.

The shape is Metacontroller's, hook version v2: https://metacontroller.github.io/metacontroller/api/hook
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

GROUP = "platform.urumi.dev"
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"

Object = dict[str, Any]


class MalformedRequest(Exception):
    """The body is not a sync request for a Store. The message holds nothing of the body."""


class Key(NamedTuple):
    """What tells one object from all others. ``namespace`` is empty where there is none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Key:
        metadata = obj["metadata"]
        return cls(obj["apiVersion"], obj["kind"], metadata.get("namespace") or "", metadata["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class SyncRequest:
    """One question. ``now`` (RFC 3339, UTC, whole seconds) is the only clock the core has; ``pods`` are those of
    the store's namespace, where the controller relates them."""

    parent: Object
    observed: Mapping[Key, Object]
    finalizing: bool
    now: str
    pods: tuple[Object, ...] = ()

    @property
    def status(self) -> Object:
        """The Store's status as it was answered last; empty before the first answer."""
        status = self.parent.get("status")
        return status if isinstance(status, dict) else {}


def dig(value: Any, *path: str) -> Any:
    """What stands at ``path`` in nested mappings, or None where a step is missing or no mapping."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def mappings(value: Any) -> list[Object]:
    """The mappings in a list; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parse(body: bytes, now: str) -> SyncRequest:
    """Read a request body; raise MalformedRequest, which says what must hold."""
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
    pods = dig(content, "related", "Pod.v1")
    related = tuple(mappings(list(pods.values()))) if isinstance(pods, dict) else ()
    return SyncRequest(parent, observed, finalizing, now, related)


def identified(obj: Any) -> bool:
    """Whether ``obj`` says what it is: then Key.of can't fail on it."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        return False
    for name in (obj.get("apiVersion"), obj.get("kind"), metadata.get("name")):
        if not isinstance(name, str) or not name:
            return False
    return isinstance(metadata.get("namespace") or "", str)
