"""Conditions by the Kubernetes conventions:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .objects import Object, dig
from .progress import Blocker
from .request import SyncRequest

# The CRD's limit. A status that is too long would be refused, and the old one would stay.
MESSAGE_LENGTH = 32768


def conditions(request: SyncRequest, found: Mapping[str, Blocker | None], holds: str = "") -> list[Object]:
    """One condition each, in the given order; ``holds``: the message of those that hold."""
    return [
        stamped(request, kind, "False", blocker.reason, blocker.message)
        if blocker
        else stamped(request, kind, "True", "AsDesired", holds)
        for kind, blocker in found.items()
    ]


def stamped(request: SyncRequest, kind: str, status: str, reason: str, message: str) -> Object:
    """One condition. Its transition time is carried over unless its status flips, or each sync would be a write."""
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
    """The conditions of the last answer."""
    said = dig(request.parent, "status", "conditions")
    found = said if isinstance(said, list) else []
    return [c for c in found if isinstance(c, dict) and isinstance(c.get("type"), str)]
