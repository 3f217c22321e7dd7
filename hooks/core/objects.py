"""Kubernetes objects as JSON holds them, and what identifies each."""

from __future__ import annotations

from typing import Any, NamedTuple

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"

Object = dict[str, Any]


class Key(NamedTuple):
    """What identifies an object. ``namespace`` is empty where there is none."""

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
    """What stands at ``path`` in nested mappings, or None where a step is missing or no mapping."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def mappings(value: Any) -> list[Object]:
    """The mappings in a list; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def identified(obj: Any) -> bool:
    """Whether ``obj`` says what it is: then Key.of can't fail on it."""
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict):
        return False
    for name in (obj.get("apiVersion"), obj.get("kind"), metadata.get("name")):
        if not isinstance(name, str) or not name:
            return False
    return isinstance(metadata.get("namespace") or "", str)
