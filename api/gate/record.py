"""Turn an admission into an audit record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from storeplatform.api.audit import Record, changes, plain

from ..callers import REQUESTED_AS, REQUESTED_BY
from ..locks import ANNOTATION as LOCKED
from .proof import ANNOTATION
from .review import Review, spec_of

# The interface of any direct client of the API server.
INTERFACE = "kubectl"


# Annotations that the gate and the intent API write with a change, and kubectl's copy of the spec.
OWN = {
    "kubectl.kubernetes.io/last-applied-configuration",
    ANNOTATION,
    LOCKED,
    REQUESTED_AS,
    REQUESTED_BY,
}
# Fields that the gate changes between a request's first and last webhook: see ``mutation``.
MUTATED = ("metadata.labels",)


def attempt(review: Review) -> Record | None:
    """Return the record of a request before validation and policies; None if it changes nothing that is recorded."""
    return _record(review, "attempted", "")


def decision(review: Review, outcome: str, reason: str) -> Record | None:
    """Return the record of a request that has passed them, and is admitted or refused here."""
    return _record(review, outcome, reason)


def gone(review: Review, reason: str) -> Record:
    """Return the record of a Store that loses its last finalizer: nothing is left of it after this."""
    metadata, spec = review.old["metadata"], spec_of(review.old)
    return Record(
        review.user,
        INTERFACE,
        "gone",
        metadata["name"],
        _owner(spec),
        "admitted",
        reason,
        review.uid,
        before=plain(spec),
    )


def quota(review: Review, outcome: str, reason: str) -> Record:
    """Return the record of a limit that is set, changed or removed, for an owner or for all owners."""
    owner = _owner(spec_of(review.object))
    before, after = _plain_or_none(spec_of(review.old)), _plain_or_none(spec_of(review.new))
    return Record(review.user, INTERFACE, "quota", "", owner, outcome, reason, review.uid, before, after)


def _record(review: Review, outcome: str, reason: str) -> Record | None:
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    if review.operation == "UPDATE":
        old, new = _writable(review.old, review.subresource), _writable(review.new, review.subresource)
        before, after = changes(old, new)
        if old == new:
            return None
    else:
        old, new = spec_of(review.old), _writable(review.new) if review.new else {}
        before, after = _plain_or_none(old), _plain_or_none(new)
    return Record(
        actor=review.user,
        interface=INTERFACE,
        action=_action(review, old, new),
        store=review.name or review.asked_name,
        owner=_owner(spec_of(review.old) or spec_of(review.new)),
        outcome=outcome,
        reason=reason,
        request_id=review.uid,
        before=before,
        after=after,
        key=_key(review, new or old),
    )


def _writable(obj: Mapping[str, Any], subresource: str = "") -> dict[str, Any]:
    """Return the recorded parts of a Store: spec and some metadata; for a status update, the status only."""
    if subresource:
        return {subresource: obj[subresource]} if subresource in obj else {}
    metadata = obj.get("metadata") or {}
    kept: dict[str, Any] = {name: metadata.get(name) for name in ("finalizers", "ownerReferences")}
    # An annotation may contain anything, so only the fact that it changed is recorded.
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in OWN}
    kept["annotations"] = {key: _digest(str(value))[:12] for key, value in annotations.items()}
    kept["labels"] = metadata.get("labels")
    return {**spec_of(obj), **{f"metadata.{name}": value for name, value in kept.items() if value}}


def _action(review: Review, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = {name for name in {**old, **new} if old.get(name) != new.get(name)}
    if review.subresource:
        return f"update-{review.subresource}"
    if review.operation == "UPDATE" and changed == {"suspended"}:
        return "suspend" if new.get("suspended") else "resume"
    return review.operation.lower()


def _key(review: Review, asked: Mapping[str, Any]) -> str:
    """Return a key that is equal in a request's first and last webhook, because the API server sends no common id.

    What the gate itself adds in between is ignored.
    """
    own = {name: value for name, value in asked.items() if name not in MUTATED}
    said = [review.user, review.operation, review.asked_name, review.subresource, own]
    return _digest(json.dumps(said, sort_keys=True))[:32]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _plain_or_none(values: Mapping[str, Any]) -> Any:
    return plain(values) if values else None


def _owner(spec: Mapping[str, Any]) -> str:
    return str(spec.get("owner", ""))
