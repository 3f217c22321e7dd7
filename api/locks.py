"""Lock the fields that an admin sets for an owner's store: an annotation names them, and the policy store-locked-fields
keeps everyone but admins from changing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeplatform.common.objects import GROUP

ANNOTATION = f"{GROUP}/locked-fields"
FIELDS = ("deletionProtection", "expiresAt", "suspended")


def locked_fields(before: str, old: Mapping[str, Any], new: Mapping[str, Any], actor: str) -> str:
    """Return the annotation after a change: the locked fields, separated by commas; "" for none.

    Only admins may act on somebody else's store (policy store-owner), so what such a caller sets is locked, and what
    they reset is unlocked.

    :param before: the annotation so far.
    :param old: the current spec.
    :param new: the new spec.
    """
    locked = [field for field in before.split(",") if field]
    if actor != new.get("owner"):
        changed = [field for field in FIELDS if new.get(field) != old.get(field)]
        locked = [field for field in locked if field not in changed] + [field for field in changed if new.get(field)]
    return ",".join(locked)


def with_lock(annotations: Mapping[str, str], locked: str) -> dict[str, str]:
    """Return the annotations with these fields locked, and no others."""
    others = {name: value for name, value in annotations.items() if name != ANNOTATION}
    return {**others, ANNOTATION: locked} if locked else others
