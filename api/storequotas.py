"""Read and build StoreQuotas: the limit of stores, and reservations for stores that are being created.

An owner's object is named ``quota_name(owner)``, the one for all owners ``GLOBAL``. ``spec.maxStores`` is the limit, if
set; ``status.reserved`` maps the name of an admitted store to the time of its admission.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeplatform.common.times import written

GLOBAL = "global"

# In seconds. The API server ends a request after 60 s: an admitted store exists by then, or never will.
RESERVATION = timedelta(seconds=60)


def quota_name(owner: str) -> str:
    """Return the name of an owner's StoreQuota.

    An owner need not be a DNS name, so it is a readable form of it and a hash.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", owner.lower())[:40].strip("-")
    digest = hashlib.sha256(owner.encode()).hexdigest()[:10]
    return f"{slug}-{digest}" if slug else digest


def max_stores(quota: Mapping[str, Any] | None, default: int) -> int:
    """Return the object's limit, or the settings' if it has none."""
    limit: int = ((quota or {}).get("spec") or {}).get("maxStores", default)
    return limit


def reserved(quota: Mapping[str, Any] | None, now: datetime) -> dict[str, str]:
    """Return the reservations that are still valid: the time of admission by name."""
    held = ((quota or {}).get("status") or {}).get("reserved") or {}
    return {name: at for name, at in held.items() if now - datetime.fromisoformat(at) < RESERVATION}


def timestamp(now: datetime) -> str:
    """Return a time as stored in ``status.reserved``."""
    return written(now, "auto")


def exceeded(owner: str | None, name: str, limit: int) -> str:
    """Return the message for a creation beyond the limit.

    :param name: the StoreQuota's.
    :param owner: None for all owners together.
    """
    who = "the platform" if owner is None else owner
    stores = "store" if limit == 1 else "stores"
    return (
        f"{who} may have {limit} {stores}, and all of them are in use (StoreQuota {name}): delete a store that is not "
        "needed, or ask a platform admin to raise spec.maxStores of that StoreQuota"
    )
