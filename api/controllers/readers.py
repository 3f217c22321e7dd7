"""Who may read a store with kubectl: its owner. RBAC knows no owners, so each has a role that names their stores.

A ClusterRole and its binding for each owner, not for each store: the API server looks through all bindings at each
request.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable

from storeplatform.common.objects import GROUP

from ..cache import Cache
from ..cluster import Object
from ..storequotas import quota_name
from .reach import Reach

PREFIX = "store-platform:reader:"
LABELS = {"app.kubernetes.io/part-of": "store-platform", f"{GROUP}/role": "reader"}
READ_SECONDS = 600.0
RBAC = "rbac.authorization.k8s.io"


class Readers:
    """Keeps them as the stores are."""

    name, seconds = "readers", 1.0

    def __init__(self, reach: Reach, cache: Cache) -> None:
        self.reach, self.cache = reach, cache
        # What is on the API server. It is read again at times: an admin may have removed one.
        self._roles: dict[str, Object] | None = None
        self._read_at = 0.0

    def run(self) -> None:
        """Make, change and remove what differs."""
        if not self.cache.synced:
            return
        if self._roles is None or time.monotonic() - self._read_at > READ_SECONDS:
            self._roles = {each["metadata"]["name"]: each for each in self.reach.roles(LABELS)}
            self._read_at = time.monotonic()
        wanted = dict(roles_of((entry.owner, entry.name) for entry in self.cache.stores()))
        try:
            for name, (role, binding) in wanted.items():
                there = self._roles.get(name)
                if there is None or there["rules"] != role["rules"]:
                    self._roles[name] = self.reach.put_role(role, binding, new=there is None)
            for name in self._roles.keys() - wanted.keys():
                self.reach.delete_role(name)
                del self._roles[name]
        except Exception:
            self._roles = None  # what was written of it is not known
            raise


def roles_of(stores: Iterable[tuple[str, str]]) -> Iterable[tuple[str, tuple[Object, Object]]]:
    """The ClusterRole and ClusterRoleBinding of each owner, by name. ``stores``: owner and name of each."""
    names: dict[str, list[str]] = defaultdict(list)
    for owner, store in stores:
        names[owner].append(store)
    for owner, own in names.items():
        metadata = {"name": PREFIX + quota_name(owner), "labels": LABELS}
        rule = {
            "apiGroups": [GROUP],
            "resources": ["stores"],
            "resourceNames": sorted(own),
            # No watch: one would last for an hour, whoever has the name by then.
            "verbs": ["get", "list"],
        }
        role = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": [rule]}
        binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "subjects": [{"kind": "User", "name": owner, "apiGroup": RBAC}],
            "roleRef": {"kind": "ClusterRole", "name": metadata["name"], "apiGroup": RBAC},
        }
        yield PREFIX + quota_name(owner), (role, binding)
