"""Find out whether admitted requests were stored, and correct the audit records of those that were not.

After the gate, the API server may still refuse a request: another creation of that name was first, another change came
in between, or another webhook refused it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Condition, Thread
from time import monotonic
from typing import Any

import structlog

from storeplatform.api.audit import Audit, Record

from .cluster import Deadline, GateCluster
from .reservations import UNANSWERED
from .review import Review

# When to check, in seconds after the admission. The API server ends a request after 60 s.
LOOKS = (0.5, 2.0, 10.0, 61.0)
LOOK_SECONDS = 5.0
# How many requests are checked at the same time. The records of all others stay as they are.
MOST = 10_000

NOT_STORED = "the API server did not store it: another request came first, or something after the gate refused it"

log = structlog.get_logger("gate.outcomes")


@dataclass(order=True)
class _Followed:
    due: float
    admitted: float
    review: Review = field(compare=False)
    made: Record = field(compare=False)
    looks: int = field(compare=False, default=0)


class Outcomes:
    """Check the Stores of admitted requests in a thread, and correct the records of those that failed."""

    def __init__(self, cluster: GateCluster, audit: Audit) -> None:
        self._cluster, self._audit = cluster, audit
        self._queue: list[_Followed] = []
        self._known: set[str] = set()
        self._changed = Condition()
        self._closing = False

    def start(self) -> None:
        """Start the thread. Call it in the process that serves, after the fork."""
        Thread(target=self._run, name="outcomes", daemon=True).start()

    def stop(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def follow(self, review: Review, made: Record) -> None:
        """Find out the outcome of an admitted request. Returns immediately."""
        now = monotonic()
        with self._changed:
            if len(self._queue) < MOST:
                heapq.heappush(self._queue, _Followed(now + LOOKS[0], now, review, made))
                self._changed.notify()

    def exists(self, uid: str) -> None:
        """Note that a Store with that UID exists, so its creation needs no check any more."""
        with self._changed:
            if any(uid == _uid(each.review.new) for each in self._queue):
                self._known.add(uid)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (not self._queue or self._queue[0].due > monotonic()):
                    self._changed.wait(self._queue[0].due - monotonic() if self._queue else None)
                if self._closing:
                    return
                followed = heapq.heappop(self._queue)
                known = _uid(followed.review.new) in self._known
            self._look(followed, known)

    def _look(self, followed: _Followed, known: bool) -> None:
        review = followed.review
        followed.looks += 1
        stored: bool | None = True if known and review.operation == "CREATE" else None
        if stored is None:
            try:
                there = self._cluster.store(review.name, Deadline.within(LOOK_SECONDS))
                stored = happened(review, there)
            except UNANSWERED as error:
                log.warning("the outcome of an admission is unknown", store=review.name, error=repr(error))
        if stored is None and followed.looks < len(LOOKS):
            with self._changed:
                followed.due = followed.admitted + LOOKS[followed.looks]
                heapq.heappush(self._queue, followed)
            return
        with self._changed:
            self._known.discard(_uid(review.new))
        if stored is False:
            self._audit.record(replace(followed.made, outcome="refused", reason=NOT_STORED))


def happened(review: Review, there: Mapping[str, Any] | None) -> bool | None:
    """Whether the existing Store shows that a request was stored; None if that is still unknown.

    The API server assigns a Store's UID, and a changed spec's generation, before it calls webhooks.
    """
    if review.operation == "CREATE":
        return None if there is None else _uid(there) == _uid(review.new)
    if there is None or _uid(there) != _uid(review.old):
        return True  # deleted since
    if review.operation == "DELETE":
        return True if there["metadata"].get("deletionTimestamp") else None
    generation, asked = _generation(there), _generation(review.new)
    if asked == _generation(review.old):
        return True  # a change of metadata only: it can't be distinguished from later changes by others
    if generation == asked:
        return there.get("spec") == review.new.get("spec")
    return True if generation > asked else None


def _uid(obj: Mapping[str, Any]) -> str:
    return str((obj.get("metadata") or {}).get("uid", ""))


def _generation(obj: Mapping[str, Any]) -> int:
    return int((obj.get("metadata") or {}).get("generation", 0))
