"""What of an admission becomes a record of the audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storeplatform.api.audit import Record, changes, plain

from .review import Review

# Whoever calls the API server directly, by whatever program.
DOOR = "kubectl"


def attempt(review: Review) -> Record | None:
    """A request on its way to the schema and the policies; None where it changes nothing that is recorded."""
    return _record(review, "attempted", "")


def decision(review: Review, outcome: str, reason: str) -> Record | None:
    """A request that came through all of them, admitted or refused here."""
    return _record(review, outcome, reason)


def gone(review: Review, reason: str) -> Record:
    """A Store whose last finalizer is taken off: nothing is left of it after this."""
    metadata, spec = review.old["metadata"], _spec(review.old)
    return Record(
        review.user, DOOR, "gone", metadata["name"], _owner(spec), "admitted", reason, review.uid, before=plain(spec)
    )


def quota(review: Review, outcome: str, reason: str) -> Record:
    """A limit that is set, changed or taken away: of an owner, or of all where there is none."""
    owner = _owner(_spec(review.object))
    before, after = _whole(review.old), _whole(review.new)
    return Record(review.user, DOOR, "quota", "", owner, outcome, reason, review.uid, before, after)


def _record(review: Review, outcome: str, reason: str) -> Record | None:
    old, new = _spec(review.old), _spec(review.new)
    if review.operation == "UPDATE" and old == new:
        return None
    before, after = changes(old, new) if review.operation == "UPDATE" else (_whole(review.old), _whole(review.new))
    name = review.name or str(review.object["metadata"].get("generateName", ""))
    return Record(
        actor=review.user,
        door=DOOR,
        action=_action(review.operation, old, new),
        store=name,
        owner=_owner(old or new),
        outcome=outcome,
        reason=reason,
        request_id=review.uid,
        before=before,
        after=after,
        key=_key(review),
    )


def _action(operation: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = {name for name in {**old, **new} if old.get(name) != new.get(name)}
    if operation == "UPDATE" and changed == {"suspended"}:
        return "suspend" if new.get("suspended") else "resume"
    return operation.lower()


def _key(review: Review) -> str:
    """The same for a request at its beginning and at its end: the API server asks twice without saying it is one."""
    metadata = review.object["metadata"]
    name = metadata.get("generateName") or review.name
    asked = [review.user, review.operation, name, _spec(review.object)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def _whole(obj: Mapping[str, Any]) -> Any:
    return plain(_spec(obj)) if obj else None


def _spec(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what is refused it may be anything."""
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def _owner(spec: Mapping[str, Any]) -> str:
    return str(spec.get("owner", ""))
