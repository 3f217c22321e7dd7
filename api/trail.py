"""What the audit keeps of a call: what was done by it, or that it was refused and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .audit import Audit, Record, changes, plain
from .cache import Cache
from .cluster import Object
from .operations import Call
from .problems import Problem

# What is no refusal of what was asked: it was not understood, came too often, or nobody could say yes or no.
NOT_RECORDED = {400, 401, 413, 415, 428, 429, 500}

UNANSWERED = "the API server did not answer in time: it may have been done all the same"


class Trail:
    """Writes records of this API's callers. The gate writes those of everybody else."""

    def __init__(self, audit: Audit, cache: Cache) -> None:
        self.audit, self.cache = audit, cache

    def changed(self, call: Call, store: Object, after: Mapping[str, Any] | None) -> None:
        """A store was made (it has no uid yet), changed, or is being deleted (``after`` is None)."""
        before = store["spec"] if store["metadata"].get("uid") else None
        if before is not None and after is not None:
            before, after = changes(before, after)
        self.done(call, store["metadata"]["name"], store["spec"]["owner"], before, after)

    def done(self, call: Call, store: str, owner: str, before: Any = None, after: Any = None) -> None:
        """Something was done to what that owner has."""
        self._record(call, store, owner, outcome="admitted", before=before, after=after)

    def refused(self, call: Call, problem: Problem) -> None:
        """A call was refused: the record holds what it asked for. Of a dry run there is no record."""
        if problem.status in NOT_RECORDED or call.dry_run:
            return
        store = call.path.get("name") or str(call.body.get("name") or "")
        known, spec = self.cache.get(store), call.body.get("spec")
        wanted = str(spec.get("owner") or "") if isinstance(spec, dict) else ""
        owner = known.owner if known else call.path.get("owner") or wanted or call.caller.name
        reasons = [problem.detail, *(f"{where} {what}" for where, what in problem.errors.items() if not call.sealed)]
        self._record(call, store, owner, outcome="refused", reason="; ".join(reasons), after=_asked(call))

    def unanswered(self, call: Call) -> None:
        """The API server did not answer a write: it is unknown whether it was done."""
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
