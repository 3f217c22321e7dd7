"""Names that the platform gives to objects in a cluster."""

from __future__ import annotations

GROUP, VERSION = "platform.urumi.dev", "v1alpha1"
# The label of every object of a store; its value is the store's name.
STORE_LABEL = f"{GROUP}/store"


def namespace_of(name: str) -> str:
    """The namespace of the store called ``name``."""
    return f"store-{name}"
