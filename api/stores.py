"""Read and change the stores that a caller may access."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kubernetes.client.exceptions import ApiException

from storeplatform.common.objects import controls, namespace_of

from .callers import REQUESTED_AS, REQUESTED_BY, Role
from .cluster import Object
from .locks import ANNOTATION as LOCKED
from .locks import locked_fields, with_lock
from .operations import Call
from .problems import Problem
from .services import Services
from .views import matches

TRIES = 5
# Anything else in the path can't be a store's name, and must not reach the API server.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?\Z")


class StoreAccess:
    """A store owned by someone else returns 404, so its name reveals nothing to those who may not see it."""

    def __init__(self, services: Services) -> None:
        self.cache, self.cluster, self.trail = services.cache, services.cluster, services.trail

    def read(self, call: Call) -> Object:
        """Return the store the path names, from the cache, or from the API server if it is not in the cache.

        :raise Problem: the caller can see no such store.
        """
        name = call.path["name"]
        known = self.cache.get(name)
        return self._seen(call, known.store() if known else self._find(name))

    def live(self, call: Call) -> Object:
        """Like ``read``, but always from the API server."""
        return self._seen(call, self._find(call.path["name"]))

    def namespace(self, store: Object) -> str | None:
        """Return the namespace that this very Store controls; None if it has none yet, or the name belongs to something
        else.

        The name alone proves nothing: ``store-<name>`` may have belonged to another team long before the Store existed.
        """
        name = namespace_of(store["metadata"]["name"])
        found = self.cluster.namespace(name)
        return name if found and controls(store, found) else None

    def change(
        self, call: Call, changed: Callable[[Object], Object], dry_run: bool = False, if_match: str = ""
    ) -> Object:
        """Replace a store's spec, and record it in the audit.

        :param changed: returns the new spec for a Store.
        :param if_match: the state the caller knows, "" for any.
        :raise Problem: the store does not exist, has changed since the caller read it, or the new spec is refused.
        """
        for attempt in range(TRIES):
            store = self.live(call)
            if if_match and not matches(store, if_match):
                raise Problem("stale", "the store changed since it was read: read it again, and repeat the change")
            new = {**store, "spec": changed(store)}
            new["metadata"] = locked(vouched(store["metadata"], call), store["spec"], new["spec"], call)
            if dry_run:
                return self.cluster.replace(new, dry_run=True)
            try:
                written = self.cluster.replace(new)
            except ApiException as error:
                # Its status changed between our two calls, which is common.
                if error.status != 409 or attempt == TRIES - 1:
                    raise
                continue
            self.cache.put(written)
            self.trail.changed(call, store, new["spec"])
            return written
        raise AssertionError("the last try returns or raises")

    def _find(self, name: str) -> Object | None:
        return self.cluster.find(name) if NAME.match(name) else None

    @staticmethod
    def _seen(call: Call, store: Object | None) -> Object:
        if store is None or not call.caller.sees(store["spec"]["owner"]):
            raise Problem(
                "not-found", f"you have no store named {call.path['name']}: list your stores to see their names"
            )
        return store


def locked(metadata: dict[str, Any], old: Object, new: Object, call: Call) -> dict[str, Any]:
    """Return metadata with the fields that this caller locks for the owner.

    The gate computes the same, but may be unavailable.
    """
    annotations = metadata["annotations"]
    fields = locked_fields(annotations.get(LOCKED, ""), old, new, call.caller.name)
    return {**metadata, "annotations": with_lock(annotations, fields)}


def vouched(metadata: dict[str, Any], call: Call) -> dict[str, Any]:
    """Return metadata with the caller for whom this API writes."""
    annotations = {**metadata.get("annotations", {}), REQUESTED_BY: call.caller.name}
    annotations.pop(REQUESTED_AS, None)
    if call.caller.role is Role.ADMIN:
        annotations[REQUESTED_AS] = Role.ADMIN.value
    return {**metadata, "annotations": annotations}
