"""Names that the platform gives to objects in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GROUP, VERSION = "platform.urumi.dev", "v1alpha1"
# The label of every object of a store; its value is the store's name.
STORE_LABEL = f"{GROUP}/store"
# The Secret in a store's namespace with its passwords; templates name it too.
CREDENTIALS = "credentials"


def namespace_of(name: str) -> str:
    """Return the namespace of the store called ``name``."""
    return f"store-{name}"


def controls(store: Mapping[str, Any], child: Mapping[str, Any]) -> bool:
    """Whether that very Store, and not another one of its name, is the object's controller."""
    references = child["metadata"].get("ownerReferences") or []
    return any(each.get("controller") and each.get("uid") == store["metadata"]["uid"] for each in references)
