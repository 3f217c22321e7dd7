"""Let owners read their stores with kubectl. RBAC knows no owners, so each owner gets a role that names their stores.

One ClusterRole and binding per owner, not per store: the API server searches all bindings at each request.
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
    """Keep the roles in step with the stores."""

    name, seconds = "readers", 1.0

    def __init__(self, reach: Reach, cache: Cache) -> None:
        self.reach, self.cache = reach, cache
        # The roles as on the API server. They are read again periodically, because an admin may have removed one.
        self._roles: dict[str, Object] | None = None
        self._read_at = 0.0

    def run(self) -> None:
        """Create, change and delete roles that differ."""
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
            self._roles = None  # unknown whether it was written
            raise


def roles_of(stores: Iterable[tuple[str, str]]) -> Iterable[tuple[str, tuple[Object, Object]]]:
    """Return the ClusterRole and ClusterRoleBinding of each owner, by name.

    :param stores: owner and name of each store.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for owner, store in stores:
        names[owner].append(store)
    for owner, own in names.items():
        metadata = {"name": PREFIX + quota_name(owner), "labels": LABELS}
        rule = {
            "apiGroups": [GROUP],
            "resources": ["stores"],
            "resourceNames": sorted(own),
            # No watch: a watch would continue for an hour, even after the name belongs to somebody else.
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
