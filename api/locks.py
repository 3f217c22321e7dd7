"""What an admin decides for an owner's store is locked: an annotation names the fields, and the policy
store-locked-fields keeps everybody but admins from changing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeplatform.common.objects import GROUP

ANNOTATION = f"{GROUP}/locked-fields"
FIELDS = ("deletionProtection", "expiresAt", "suspended")


def locked_fields(before: str, old: Mapping[str, Any], new: Mapping[str, Any], actor: str) -> str:
    """The annotation that a change is to end with: the locked fields with commas between them, empty for none.

    Whoever acts on another's store is an admin, as the policy store-owner refuses everybody else: what they set is
    locked, and what they take back is unlocked.

    :param before: the annotation so far. :param old: the spec so far. :param new: the spec as it is to be.
    """
    locked = [field for field in before.split(",") if field]
    if actor != new.get("owner"):
        changed = [field for field in FIELDS if new.get(field) != old.get(field)]
        locked = [field for field in locked if field not in changed] + [field for field in changed if new.get(field)]
    return ",".join(locked)


def with_lock(annotations: Mapping[str, str], locked: str) -> dict[str, str]:
    """The annotations, with these fields locked and no others."""
    others = {name: value for name, value in annotations.items() if name != ANNOTATION}
    return {**others, ANNOTATION: locked} if locked else others
