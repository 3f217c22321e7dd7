"""What a StoreQuota says: how many stores there may be, and which are on their way.

An owner's object is named ``quota_name(owner)``, the one for all ``GLOBAL``. ``spec.maxStores`` is the limit, where
it is said; ``status.reserved`` maps the name of a store that was admitted to the time of that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeplatform.common.times import written

GLOBAL = "global"

# The API server ends a request after 60 s: what was admitted is there by then, or never comes.
RESERVATION = timedelta(seconds=60)


def quota_name(owner: str) -> str:
    """The name of an owner's StoreQuota. Owners are no DNS names, so it is what they look like, and a hash."""
    slug = re.sub(r"[^a-z0-9]+", "-", owner.lower())[:40].strip("-")
    digest = hashlib.sha256(owner.encode()).hexdigest()[:10]
    return f"{slug}-{digest}" if slug else digest


def max_stores(quota: Mapping[str, Any] | None, default: int) -> int:
    """The limit that an object says, or else the settings."""
    limit: int = ((quota or {}).get("spec") or {}).get("maxStores", default)
    return limit


def reserved(quota: Mapping[str, Any] | None, now: datetime) -> dict[str, str]:
    """The stores on their way, by name, with the time they were admitted."""
    held = ((quota or {}).get("status") or {}).get("reserved") or {}
    return {name: at for name, at in held.items() if now - datetime.fromisoformat(at) < RESERVATION}


def timestamp(now: datetime) -> str:
    """A time as ``status.reserved`` holds it."""
    return written(now, "auto")


def exceeded(owner: str | None, name: str, limit: int) -> str:
    """The message for whoever asks for one store too many; ``name`` is the StoreQuota's, no owner: all owners'."""
    who = "the platform" if owner is None else owner
    return (
        f"{who} may have {limit} {'store' if limit == 1 else 'stores'}, and no more fits (StoreQuota {name}): delete "
        "a store that is not needed, or ask a platform admin to raise spec.maxStores of that StoreQuota"
    )
