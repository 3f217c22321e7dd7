"""Kubernetes objects as decoded JSON, and their identity."""

from __future__ import annotations

from typing import Any, NamedTuple

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"

Object = dict[str, Any]


class Key(NamedTuple):
    """The identity of an object. ``namespace`` is "" for cluster-scoped objects."""

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


def dig(value: Any, *path: str) -> Any:
    """Return the value at ``path`` in nested mappings; None if a step is missing or not a mapping."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def mappings(value: Any) -> list[Object]:
    """Return the mappings in a list; empty if it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def identified(obj: Any) -> bool:
    """Whether ``obj`` has apiVersion, kind and a name, so that Key.of can't fail."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        return False
    for name in (obj.get("apiVersion"), obj.get("kind"), metadata.get("name")):
        if not isinstance(name, str) or not name:
            return False
    return isinstance(metadata.get("namespace") or "", str)
