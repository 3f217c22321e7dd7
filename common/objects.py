"""Names that the platform gives to objects in a cluster."""

from __future__ import annotations

GROUP, VERSION = "platform.urumi.dev", "v1alpha1"
# The label of every object of a store; its value is the store's name.
STORE_LABEL = f"{GROUP}/store"
# The Secret in a store's namespace with its passwords; templates name it too.
CREDENTIALS = "credentials"


def namespace_of(name: str) -> str:
    """Return the namespace of the store called ``name``."""
    return f"store-{name}"
