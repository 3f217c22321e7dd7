"""Verify that a host belongs to a store's owner, by a TXT record that only the host's owner can set.

A HostnameClaim's spec contains the expected record, its status whether it was found. A verified claim stays verified as
long as its spec is unchanged: an unreachable name server does not close a shop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ..cluster import Cluster, Object
from .dns import Unanswered

CLAIMS = "hostnameclaims"
# In seconds: the time between two lookups of one claim, the first and the longest.
PAUSES = (10.0, 600.0)
# Concurrent lookups, so that a name server that does not respond delays few other claims.
AT_ONCE = 16

log = structlog.get_logger("controllers.hostnames")


class Texts(Protocol):
    """A resolver of TXT records."""

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name.

        :raise Unanswered: no server responded.
        """


@dataclass
class _Look:
    due: float = 0.0
    pause: float = PAUSES[0]


class Hostnames:
    """Look up each claim that is not verified yet, at growing intervals.

    :param clock: returns monotonic seconds.
    """

    name, seconds = "hostnames", 2.0

    def __init__(self, cluster: Cluster, resolver: Texts, clock: Callable[[], float] = time.monotonic) -> None:
        self.cluster, self.resolver, self._clock = cluster, resolver, clock
        self._looks: dict[tuple[str, str], _Look] = {}

    def run(self) -> None:
        """Look up each claim that is due, once."""
        claims = [each for each in self.cluster.list_objects(CLAIMS)["items"] if not verified(each)]
        keys = {_key(claim) for claim in claims}
        self._looks = {key: self._looks.get(key, _Look()) for key in keys}
        now = self._clock()
        due = [claim for claim in claims if self._looks[_key(claim)].due <= now]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for claim, status in zip(due, pool.map(self._status, due), strict=True):
                look = self._looks[_key(claim)]
                look.due, look.pause = self._clock() + look.pause, min(2 * look.pause, PAUSES[1])
                if status != claim.get("status"):
                    self.cluster.replace_status({**claim, "status": status}, CLAIMS)
                    log.info("looked", host=claim["spec"]["host"], verified=status["verified"])

    def _status(self, claim: Object) -> dict[str, Any]:
        spec = claim["spec"]
        record = spec["record"]
        try:
            found = self.resolver.texts(record["name"])
        except Unanswered as error:
            message, holds = str(error), False
        else:
            holds = record["value"] in found
            there = f"{len(found)} other" if found else "no"
            message = "" if holds else f"{record['name']} has {there} TXT record{'' if len(found) == 1 else 's'}"
        return {"host": spec["host"], "value": record["value"], "verified": holds, "message": message}


def verified(claim: Object) -> bool:
    """Whether the claim's current spec was verified."""
    status, spec = claim.get("status") or {}, claim["spec"]
    same = status.get("host") == spec["host"] and status.get("value") == spec["record"]["value"]
    return bool(same and status.get("verified"))


def _key(claim: Object) -> tuple[str, str]:
    return claim["metadata"]["uid"], claim["spec"]["host"]
