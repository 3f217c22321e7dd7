"""The last resort: the answer for a store whose answer could not be made, or would do harm.

A hook that fails can't write a status, and Metacontroller shows its error in an event alone. So it answers: all that is
observed stays as it is, and the status reports since when and why the store is not reconciled.
"""

from __future__ import annotations

from .conditions import previous_conditions, stamped
from .objects import Object, dig
from .request import SyncRequest
from .retention import as_applied

RETRY_SECONDS = 20


def unreconciled(request: SyncRequest, reason: str, message: str) -> Object:
    """Keep every observed child, and report the condition Reconciled=False.

    :param reason: one word. :param message: what failed, without anything that was sent.
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
