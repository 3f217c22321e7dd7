"""Stores as a caller may reach them: to read, and to change."""

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
# What else the path may hold is no store's name, and nothing to ask the API server for.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?\Z")


class StoreAccess:
    """A store owned by someone else returns 404, so its name reveals nothing to those who may not see it."""

    def __init__(self, services: Services) -> None:
        self.cache, self.cluster, self.trail = services.cache, services.cluster, services.trail

    def read(self, call: Call) -> Object:
        """The store the path names, from the cache; asked of the API server where the cache has none.

        :raise Problem: there is none that the caller sees.
        """
        name = call.path["name"]
        known = self.cache.get(name)
        return self._seen(call, known.store() if known else self._find(name))

    def live(self, call: Call) -> Object:
        """As ``read``, as it is now."""
        return self._seen(call, self._find(call.path["name"]))

    def namespace(self, store: Object) -> str | None:
        """The namespace that this very Store controls; None where it has none yet, or another has taken the name.

        A name proves nothing: ``store-<name>`` may have been another team's long before the Store.
        """
        name = namespace_of(store["metadata"]["name"])
        found = self.cluster.namespace(name)
        return name if found and controls(store, found) else None

    def change(
        self, call: Call, changed: Callable[[Object], Object], dry_run: bool = False, if_match: str = ""
    ) -> Object:
        """Replace a store's spec, and tell the audit.

        :param changed: gives the new spec for a Store. :param if_match: the state the caller knows, "" for any.
        :raise Problem: it does not exist, has changed since the caller read it, or the new spec is refused.
        """
        for attempt in range(TRIES):
            store = self.live(call)
            if if_match and not matches(store, if_match):
                raise Problem("stale", "the store changed since it was read: read it again, and change that")
            new = {**store, "spec": changed(store)}
            new["metadata"] = locked(vouched(store["metadata"], call), store["spec"], new["spec"], call)
            if dry_run:
                return self.cluster.replace(new, dry_run=True)
            try:
                written = self.cluster.replace(new)
            except ApiException as error:
                # Its status changed between our two calls, as it does all the time.
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
            raise Problem("not-found", f"there is no store {call.path['name']} of yours: list them to see their names")
        return store


def locked(metadata: dict[str, Any], old: Object, new: Object, call: Call) -> dict[str, Any]:
    """Metadata that names what this caller locks for the owner. The gate finds the same, and may be unavailable."""
    annotations = metadata["annotations"]
    fields = locked_fields(annotations.get(LOCKED, ""), old, new, call.caller.name)
    return {**metadata, "annotations": with_lock(annotations, fields)}


def vouched(metadata: dict[str, Any], call: Call) -> dict[str, Any]:
    """Metadata that says for whom this API writes."""
    annotations = {**metadata.get("annotations", {}), REQUESTED_BY: call.caller.name}
    annotations.pop(REQUESTED_AS, None)
    if call.caller.role is Role.ADMIN:
        annotations[REQUESTED_AS] = Role.ADMIN.value
    return {**metadata, "annotations": annotations}
