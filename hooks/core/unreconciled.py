"""Compute a fallback response for a store whose response could not be computed, or would do damage.

A hook that fails can't write a status, and Metacontroller reports its error only in an event. This response keeps
everything observed, and reports in the status why and since when the store is not reconciled.
"""

from __future__ import annotations

from .conditions import previous_conditions, stamped
from .objects import Object, dig
from .request import SyncRequest
from .retention import as_applied

RETRY_SECONDS = 20


def unreconciled(request: SyncRequest, reason: str, message: str) -> Object:
    """Keep every observed child, and report the condition Reconciled=False.

    :param reason: one CamelCase word.
    :param message: what failed, with nothing from the request.
    """
    advice = "what exists stays as it is; ask the platform team to repair it"
    why = stamped(request, "Reconciled", "False", reason, f"{message}; {advice}")
    since = why["lastTransitionTime"]
    ready = stamped(request, "Ready", "Unknown", "NotReconciled", f"not reconciled since {since}: {why['message']}")
    kept = [c for c in previous_conditions(request) if c["type"] not in ("Reconciled", "Ready")]
    ending = dig(request.parent, "metadata", "deletionTimestamp")
    return {
        "status": {
            **{name: value for name, value in request.status.items() if name != "observedGeneration"},
            "phase": "Terminating" if ending else "Failed",
            "conditions": [*kept, why, ready],
        },
        "children": [as_applied(seen) for seen in request.observed.values()],
        "resyncAfterSeconds": RETRY_SECONDS,
        "finalized": False,
    }
