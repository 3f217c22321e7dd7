"""Representations of a Store in the API: in full, and as an item of a list."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from storeplatform.common.times import seconds_between

from .cluster import Object

# Phases that need attention come first.
PHASES = (
    "Failed",
    "Degraded",
    "Terminating",
    "Upgrading",
    "Provisioning",
    "Pending",
    "Suspending",
    "Suspended",
    "Ready",
)
READY_UNKNOWN = {"status": "Unknown", "reason": "NotObserved", "message": "the platform has not processed it yet"}


def _text(description: str, **kwargs: Any) -> fields.String:
    return fields.String(metadata={"description": description}, **kwargs)


class Readiness(Schema):
    """The condition Ready in short."""

    status = _text("True, False or Unknown.", required=True)
    reason = _text("The reason in one word, for programs.", required=True)
    message = _text("The first thing that blocks the store.", required=True)
    since = _text("When the status last changed.", allow_none=True, required=True)


class Summary(Schema):
    """A store in a list."""

    name = _text("The store's name; also the first label of its default address.", required=True)
    title = _text("The shop's title; the store's name if the spec has no title.", required=True)
    owner = _text("The store's owner.", required=True)
    engine = _text("The engine of the shop.", required=True)
    version = _text("The engine's version that serves shoppers.", allow_none=True, required=True)
    plan = _text("The plan, which limits what the store may use.", required=True)
    phase = _text("The state in one word.", required=True)
    url = _text("The address for shoppers.", allow_none=True, required=True)
    ready = fields.Nested(Readiness, required=True)
    createdAt = _text("When the store was created.", required=True)
    startedAt = _text(
        "When the version that serves shoppers was last started: at the first start, an upgrade or after the store was "
        "suspended.",
        allow_none=True,
        required=True,
    )
    restoring = fields.Boolean(
        required=True, metadata={"description": "Whether the store's data is being restored from a backup."}
    )
    deletingSince = _text("When the deletion was requested.", allow_none=True, required=True)
    expiresAt = _text("When the store ends.", allow_none=True, required=True)


def summary(store: Object) -> dict[str, Any]:
    """Return a Store as ``Summary`` describes it."""
    metadata, spec, status = store["metadata"], store["spec"], store.get("status", {})
    conditions, release = status.get("conditions", []), status.get("release", {})
    ready = next((c for c in conditions if c["type"] == "Ready"), READY_UNKNOWN)
    return {
        "name": metadata["name"],
        "title": (spec.get("shop") or {}).get("title") or metadata["name"],
        "owner": spec["owner"],
        "engine": spec["engine"],
        "version": release.get("running"),
        "plan": spec["plan"],
        "phase": status.get("phase", "Pending"),
        "url": status.get("url"),
        "ready": {
            "status": ready["status"],
            "reason": ready["reason"],
            "message": ready["message"],
            "since": ready.get("lastTransitionTime"),
        },
        "createdAt": metadata["creationTimestamp"],
        "startedAt": release.get("since"),
        "restoring": any(c["type"] == "Restored" and c["status"] == "False" for c in conditions),
        "deletingSince": metadata.get("deletionTimestamp"),
        "expiresAt": spec.get("expiresAt"),
    }


class Details(Summary):
    """A store by itself: its summary, and what lists leave out."""

    backupRequest = _text(
        "The state of the last requested backup: underway, made or failed; null if none was requested, or if it failed "
        "and a later backup was made.",
        validate=validate.OneOf(["underway", "made", "failed"]),
        allow_none=True,
        required=True,
    )


def whole(store: Object) -> dict[str, Any]:
    """Return a Store as the schema ``Store`` of the API's document describes it: details, spec and status."""
    details = {**summary(store), "backupRequest": backup_request(store)}
    return {**details, "spec": store["spec"], "status": store.get("status", {})}


def backup_request(store: Object) -> str | None:
    """Return the state of the requested backup, as ``Details`` describes it."""
    asked, status = (store["spec"].get("backup") or {}).get("requestedAt"), store.get("status", {})
    if not asked:
        return None
    # An older status may refer to an older request.
    seen = status.get("observedGeneration") == store["metadata"]["generation"]
    found = next((each for each in status.get("conditions", []) if each["type"] == "BackupMade"), None)
    if not seen or not found:
        return "underway"
    if found["status"] == "True":
        return "made"
    if found["reason"] != "JobFailed":
        return "underway"
    return None if seconds_between(asked, next(iter(status.get("backups", [])), None)) > 0 else "failed"


def etag(store: Object) -> str:
    """Return the identifier of this state of a Store: ``"<uid>.<generation>.<resourceVersion>"``.

    A change of the status makes another state, but does not prevent a change of the spec: see ``matches``.
    """
    metadata = store["metadata"]
    return f'"{metadata["uid"]}.{metadata["generation"]}.{metadata["resourceVersion"]}"'


def matches(store: Object, if_match: str) -> bool:
    """Whether an If-Match value names this Store with this spec. Its status may have changed since."""
    if if_match.strip() == "*":
        return True
    wanted = etag(store).strip('"').rpartition(".")[0]
    return any(tag.strip().strip('"').rpartition(".")[0] == wanted for tag in if_match.split(","))
