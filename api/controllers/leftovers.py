"""Count namespaces of stores whose Store no longer exists: a shop may run there that nobody controls and no quota
counts.
"""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry, Gauge

from storeplatform.common.objects import STORE_LABEL, controls

from ..cache import Cache
from ..cluster import Cluster, Object
from .reach import Reach

log = structlog.get_logger("controllers.leftovers")


class Leftovers:
    """Count them. An administrator has to inspect them: no program should delete them."""

    name, seconds = "leftovers", 120.0

    def __init__(self, cluster: Cluster, reach: Reach, cache: Cache, registry: CollectorRegistry) -> None:
        self.cluster, self.reach, self.cache = cluster, reach, cache
        # Alert on any.
        self._count = Gauge("store_leftover_namespaces", "Namespaces whose Store no longer exists", registry=registry)

    def run(self) -> None:
        """Compare namespaces with Stores."""
        if not self.cache.synced:
            return
        found = [namespace for namespace in self.reach.namespaces(STORE_LABEL) if self._left_over(namespace)]
        self._count.set(len(found))
        for namespace in found:
            log.warning("a namespace has no store", namespace=namespace["metadata"]["name"])

    def _left_over(self, namespace: Object) -> bool:
        metadata = namespace["metadata"]
        if metadata.get("deletionTimestamp"):
            return False
        name = metadata["labels"][STORE_LABEL]
        known = self.cache.get(name)
        if known and controls(known.store(), namespace):
            return False
        # The cache may be stale, so ask the API server.
        there = self.cluster.find(name)
        return there is None or not controls(there, namespace)
