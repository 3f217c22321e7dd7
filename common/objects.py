"""The platform's own names in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GROUP, VERSION = "platform.urumi.dev", "v1alpha1"
# The label of every object of a store; its value is the store's name.
STORE_LABEL = f"{GROUP}/store"


def namespace_of(name: str) -> str:
    """The namespace of the store called ``name``."""
    return f"store-{name}"


def controls(store: Mapping[str, Any], child: Mapping[str, Any]) -> bool:
    """Whether that very Store, and not another one of its name, is the object's controller."""
    references = child["metadata"].get("ownerReferences") or []
    return any(each.get("controller") and each.get("uid") == store["metadata"]["uid"] for each in references)
