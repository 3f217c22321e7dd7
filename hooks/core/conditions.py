"""Build conditions by the Kubernetes conventions:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .objects import Object, dig
from .progress import Blocker
from .request import SyncRequest

# The CRD's limit, in characters. The API server would reject a status with a longer message, and keep the old one.
MESSAGE_LENGTH = 32768


def conditions(request: SyncRequest, found: Mapping[str, Blocker | None], holds: str = "") -> list[Object]:
    """Return one condition for each type, in that order. ``holds``: the messages of conditions that are True."""
    return [
        stamped(request, kind, "False", blocker.reason, blocker.message)
        if blocker
        else stamped(request, kind, "True", "AsDesired", holds)
        for kind, blocker in found.items()
    ]


def stamped(request: SyncRequest, kind: str, status: str, reason: str, message: str) -> Object:
    """Return one condition. lastTransitionTime is kept unless the status changes, or each sync would be a write."""
    old: Object = next((c for c in previous_conditions(request) if c["type"] == kind and c.get("status") == status), {})
    generation: Any = dig(request.parent, "metadata", "generation")
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:MESSAGE_LENGTH],
        "lastTransitionTime": old.get("lastTransitionTime") or request.now,
        **({"observedGeneration": generation} if type(generation) is int else {}),
    }


def previous_conditions(request: SyncRequest) -> list[Object]:
    """Return the conditions of the Store's current status."""
    said = dig(request.parent, "status", "conditions")
    found = said if isinstance(said, list) else []
    return [c for c in found if isinstance(c, dict) and isinstance(c.get("type"), str)]
