"""Write what the audit records of a call: what it did, or that it was refused and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .audit import Audit, Record, changes, plain
from .cache import Cache
from .cluster import Object
from .operations import Call
from .problems import Problem

# Statuses that are not refusals: the request was malformed, too frequent, or could not be decided.
NOT_RECORDED = {400, 401, 413, 415, 428, 429, 500}

UNANSWERED = "the API server did not answer in time: the change may have been made nevertheless"


class Trail:
    """Write records of this API's callers. The gate writes those of everyone else."""

    def __init__(self, audit: Audit, cache: Cache) -> None:
        self.audit, self.cache = audit, cache

    def changed(self, call: Call, store: Object, after: Mapping[str, Any] | None) -> None:
        """Record that a store was created (it has no UID yet), changed, or is being deleted (``after`` is None)."""
        before = store["spec"] if store["metadata"].get("uid") else None
        if before is not None and after is not None:
            before, after = changes(before, after)
        self.done(call, store["metadata"]["name"], store["spec"]["owner"], before, after)

    def done(self, call: Call, store: str, owner: str, before: Any = None, after: Any = None) -> None:
        """Record an action on something that the owner has."""
        self._record(call, store, owner, outcome="admitted", before=before, after=after)

    def refused(self, call: Call, problem: Problem) -> None:
        """Record that a call was refused, with what it asked for. Dry runs are not recorded."""
        if problem.status in NOT_RECORDED or call.dry_run:
            return
        store = call.path.get("name") or str(call.body.get("name") or "")
        known, spec = self.cache.get(store), call.body.get("spec")
        wanted = str(spec.get("owner") or "") if isinstance(spec, dict) else ""
        owner = known.owner if known else call.path.get("owner") or wanted or call.caller.name
        reasons = [problem.detail, *(f"{where} {what}" for where, what in problem.errors.items() if not call.sealed)]
        self._record(call, store, owner, outcome="refused", reason="; ".join(reasons), after=_asked(call))

    def unanswered(self, call: Call) -> None:
        """Record that the API server did not respond to a write: it is unknown whether it was done."""
        if call.dry_run:
            return
        store = call.path.get("name") or str(call.body.get("name") or "")
        known = self.cache.get(store)
        owner = known.owner if known else call.path.get("owner") or call.caller.name
        self._record(call, store, owner, outcome="refused", reason=UNANSWERED, after=_asked(call))

    def _record(self, call: Call, store: str, owner: str, **more: Any) -> None:
        said: dict[str, Any] = {
            "actor": call.caller.name,
            "interface": call.interface,
            "action": call.action,
            "request_id": call.request_id,
        }
        self.audit.record(Record(**said, store=store, owner=owner, **more))


def _asked(call: Call) -> Any:
    return None if call.sealed else plain(call.body) or None
