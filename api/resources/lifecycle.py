"""Actions of an owner on an existing store. Each is one change of the spec, and idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema

from storeplatform.common.times import written

from ..callers import Access
from ..cluster import Object
from ..crd import Moment, part, schema_of
from ..operations import Answer, Call, Function, Rate, operation
from ..problems import Problem
from ..services import Services
from ..stores import StoreAccess
from ..views import backup_request, etag, whole

MAY = frozenset({403, 404, 409, 412, 422})


class Extension(Schema):
    """When the store is to end."""

    expiresAt = Moment(
        required=True,
        allow_none=True,
        metadata={"description": "The new end, later than now; null for none.", "format": "date-time"},
    )


def _action(name: str, summary: str, **more: Any) -> Callable[[Function], Function]:
    return operation(
        "POST",
        f"/stores/<name>/actions/{name}",
        Access.CHANGE,
        Rate.WRITE,
        summary,
        answers={202: "Store"},
        problems=MAY,
        action=name,
        **more,
    )


class Lifecycle:
    """They need no If-Match, because each changes only its own fields. If it is given, it is checked."""

    def __init__(self, services: Services) -> None:
        self.access = StoreAccess(services)

    @_action("suspend", "Suspend a store; its data, passwords and address are kept")
    def suspend_store(self, call: Call) -> Answer:
        return self._do(call, lambda spec: {**spec, "suspended": True})

    @_action("resume", "Resume a suspended store")
    def resume_store(self, call: Call) -> Answer:
        return self._do(call, lambda spec: {**spec, "suspended": False})

    @_action("extend", "Change or remove the end of a store", body=Extension())
    def extend_store(self, call: Call) -> Answer:
        end = call.body["expiresAt"]
        if end is None:
            return self._do(call, lambda spec: {key: spec[key] for key in spec if key != "expiresAt"})
        if datetime.fromisoformat(end) <= datetime.now(UTC):
            detail = "the new end must be later than now; to close a store, suspend it"
            raise Problem("invalid", detail, {"/expiresAt": "must be later than now"})
        return self._do(call, lambda spec: {**spec, "expiresAt": end})

    @_action("restart", "Restart a store's pods, except the database")
    def restart_store(self, call: Call) -> Answer:
        return self._do(call, lambda spec: {**spec, "restartedAt": _now()})

    @_action(
        "restore",
        "Restore a store from a backup; its current data is replaced",
        body=schema_of(part("spec")["properties"]["restoreFrom"], "RestoreFrom")(),
    )
    def restore_store(self, call: Call) -> Answer:
        def changed(store: Object) -> Object:
            _refuse_without_backup(store, call.body)
            _refuse_before_backup(store)
            return {**store["spec"], "restoreFrom": {**call.body, "requestedAt": _now()}}

        return self._change(call, changed)

    @_action("backup", "Make a backup now, in addition to the schedule")
    def back_up_store(self, call: Call) -> Answer:
        def changed(store: Object) -> Object:
            _refuse_backup(store)
            return {**store["spec"], "backup": {**store["spec"]["backup"], "requestedAt": _now()}}

        return self._change(call, changed)

    def _do(self, call: Call, changed: Callable[[Object], Object]) -> Answer:
        return self._change(call, lambda store: changed(store["spec"]))

    def _change(self, call: Call, changed: Callable[[Object], Object]) -> Answer:
        written = self.access.change(call, changed, if_match=call.headers.get("If-Match", ""))
        headers = {"ETag": etag(written), "Resource-Version": written["metadata"]["resourceVersion"]}
        return Answer(whole(written), 202, headers)


def _refuse_without_backup(store: Object, wanted: Mapping[str, Any]) -> None:
    """Refuse to restore a store from its own backup if it has none.

    Whether the named backup exists and is complete is checked by a Job before the shop closes.

    :raise Problem: the store has no backup.
    """
    own = wanted.get("store") in (None, store["metadata"]["name"])
    if own and not str(wanted.get("backup")).startswith("snapshot/") and not store.get("status", {}).get("backups"):
        detail = "this store has no backup yet: set backup.schedule, and restore once status.backups lists one"
        raise Problem("invalid", detail, {"/backup": "must be a backup that exists"})


def _refuse_backup(store: Object) -> None:
    """Check that a backup can be requested.

    :raise Problem: the store makes no backups, is closed or being deleted, or a requested backup is not finished yet.
    """
    spec, phase = store["spec"], store.get("status", {}).get("phase")
    if "deletionTimestamp" in store["metadata"]:
        raise Problem("store-deleting", "this store is being deleted: no more backups are made")
    if "backup" not in spec:
        raise Problem("backups-off", "backups of this store are turned off: turn them on (backup.schedule) first")
    if spec["suspended"] or phase in ("Suspending", "Suspended"):
        raise Problem("store-closed", "this store is closed: open it first, then ask for a backup")
    if backup_request(store) == "underway":
        raise Problem("backup-underway", "a requested backup is not finished yet: wait until it is")


def _refuse_before_backup(store: Object) -> None:
    """Refuse a restore while a requested backup is being made: the restore would take precedence, and the backup would
    then contain the restored data.

    :raise Problem: a backup is being made, and the shop is ready for it.
    """
    if store.get("status", {}).get("phase") == "Ready" and backup_request(store) == "underway":
        detail = "a requested backup is being made: wait until it is finished, or turn backups off first"
        raise Problem("backup-underway", detail)


def _now() -> str:
    return written(datetime.now(UTC), "microseconds")
