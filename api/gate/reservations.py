"""Reserve a place for a store before it is created, so that concurrent creations can't exceed a quota.

A reservation is a name in ``status.reserved`` of a StoreQuota. It is written only if the object is unchanged since it
was read (compare-and-swap), and counts beside the existing stores. If two creations compete for the last place, the
later one either sees the other's reservation, or its write is rejected and it reads again. Stores are listed after the
StoreQuota was read, so a store whose reservation has expired or was removed is either in that list or was never
created.

All concurrent requests for one StoreQuota are decided together, with one read, one list and one write: many creations
cost little more than one, and no request waits behind another's API server call.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Condition
from typing import Any

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from storeplatform.common.objects import namespace_of

from ..storequotas import GLOBAL, exceeded, max_stores, quota_name, reserved, timestamp
from .cluster import Deadline, GateCluster, TimeIsUp

# What an API server call may raise.
UNANSWERED = (ApiException, HTTPError, TimeIsUp)
# The maximum number of reservations that are checked for leftovers before a creation is refused because of them.
CHECKED = 20


class QuotaExceeded(Exception):
    """The quota is used up; the message names its owner and what to do."""


class NameTaken(Exception):
    """A store of that name exists; the message is the same as the API server's."""


class NamespaceTaken(Exception):
    """The new store's namespace exists and does not belong to a store."""


@dataclass(frozen=True)
class _Limit:
    """A StoreQuota's name, its owner (None: all owners), and the limit if it has none."""

    quota: str
    owner: str | None
    default: int


@dataclass(eq=False)
class _Wish:
    """A request to reserve a name, to check whether it could be reserved (``dry_run``), or to release it if ``ours``
    accepts the time of its reservation.

    ``at``: the time written beside the name; None if it was already reserved, or is not reserved now. ``leads``: this
    request's thread decides for all in the queue.
    """

    name: str
    dry_run: bool = False
    ours: Callable[[str], bool] | None = None
    leads: bool = False
    decided: bool = False
    at: str | None = None
    error: Exception | None = None

    def releases(self, held: dict[str, str]) -> bool:
        """Whether it releases its name. If that can't be found out, only its own ``error`` is set."""
        try:
            return bool(self.ours and self.name in held and self.ours(held[self.name]))
        except UNANSWERED as error:
            self.error = error
            return False


class _Queue:
    """The undecided requests for one StoreQuota. The thread of one of them decides for all."""

    def __init__(self) -> None:
        self.wishes: list[_Wish] = []
        self.led = False
        self.changed = Condition()


class Reservations:
    """The reservations of each owner, and of all owners together.

    :param owner: the limit of an owner whose StoreQuota has none.
    :param everybody: the same for all owners together.
    """

    def __init__(self, cluster: GateCluster, owner: int, everybody: int) -> None:
        self._cluster, self._owner, self._everybody = cluster, owner, _Limit(GLOBAL, None, everybody)
        self._queues: dict[str, _Queue] = {}

    def take(self, name: str, owner: str, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Reserve the Store ``name``; a dry run only checks.

        :raise QuotaExceeded: the quota is used up.
        :raise NameTaken: the store exists.
        :raise NamespaceTaken: its namespace exists.
        :raise TimeIsUp: too many requests at once. Also raises what ``GateCluster`` does.
        """
        if self._cluster.store(name, deadline) is not None:
            raise NameTaken(f'stores.platform.urumi.dev "{name}" already exists')
        if self._cluster.namespace(namespace_of(name), deadline) is not None:
            raise NamespaceTaken(f"the name {name} is in use on this cluster: choose another, or ask a platform admin")
        mine = _Limit(quota_name(owner), owner, self._owner)
        at = self._decided(mine, _Wish(name, dry_run), deadline)
        try:
            self._decided(self._everybody, _Wish(name, dry_run), deadline)
        except Exception:
            if at:
                with suppress(*UNANSWERED):  # it expires anyway
                    self._decided(mine, _Wish(name, ours=lambda held: held == at), Deadline.within(1))
            raise

    def give_back(self, name: str, uid: str, owner: str, deadline: Deadline) -> None:
        """Release the reservation of a Store that exists: the Store itself is counted now. Raises like ``take``."""

        def there(_: str) -> bool:
            store = self._cluster.store(name, deadline)
            return store is not None and store["metadata"]["uid"] == uid

        for limit in (_Limit(quota_name(owner), owner, self._owner), self._everybody):
            self._decided(limit, _Wish(name, ours=there), deadline)

    def _decided(self, limit: _Limit, wish: _Wish, deadline: Deadline) -> str | None:
        """Wait until the request is decided, and return its ``at``.

        :raise QuotaExceeded: it was refused. Raises like ``take``.
        """
        queue = self._queues.setdefault(limit.quota, _Queue())
        queue.wishes.append(wish)
        try:
            while not self._lead(queue, wish, deadline):
                pass
            if not wish.decided:
                self._decide_all(limit, queue, deadline)
        finally:
            self._leave(limit, queue, wish)
        if wish.error:
            raise wish.error
        return wish.at

    @staticmethod
    def _lead(queue: _Queue, wish: _Wish, deadline: Deadline) -> bool:
        """Wait, and return whether the request is decided or this thread must decide now.

        :raise TimeIsUp: neither in time.
        """
        with queue.changed:
            if not wish.decided and queue.led:
                queue.changed.wait(deadline.remaining())
            if not wish.decided and not queue.led:
                queue.led = True
                wish.leads = True
            return wish.decided or wish.leads

    def _leave(self, limit: _Limit, queue: _Queue, wish: _Wish) -> None:
        with queue.changed:
            if wish in queue.wishes:
                queue.wishes.remove(wish)
            if wish.leads:
                queue.led = False
            if not queue.wishes and not queue.led and self._queues.get(limit.quota) is queue:
                del self._queues[limit.quota]
            queue.changed.notify_all()

    def _decide_all(self, limit: _Limit, queue: _Queue, deadline: Deadline) -> None:
        """Decide all queued requests. Raises like ``take``; then none is decided."""
        while True:
            wishes, now = list(queue.wishes), datetime.now(UTC)
            quota = self._cluster.quota(limit.quota, deadline)
            held = reserved(quota, now)
            after = dict(held)
            for wish in wishes:
                wish.at = wish.error = None
                if wish.releases(after):
                    del after[wish.name]
            takers = [wish for wish in wishes if not wish.ours]
            if takers:
                after = self._reserve(limit, takers, after, max_stores(quota, limit.default), timestamp(now), deadline)
            if after == held or self._write(limit, quota, after, deadline):
                break
        with queue.changed:
            for wish in wishes:
                wish.decided = True
                if wish in queue.wishes:
                    queue.wishes.remove(wish)

    def _reserve(
        self, limit: _Limit, takers: list[_Wish], held: dict[str, str], most: int, at: str, deadline: Deadline
    ) -> dict[str, str]:
        """Return the reservations, including new ones that fit; set the error of those that do not."""
        names, others = self._existing(limit, len(held) + len(takers), most, deadline)
        kept = {each: time for each, time in held.items() if each not in names}
        checked = False
        for wish in takers:
            if others + len((names | kept.keys()) - {wish.name}) >= most and not checked:
                checked, kept = True, self._without_lost(limit, kept, deadline)
            if others + len((names | kept.keys()) - {wish.name}) >= most:
                wish.error = QuotaExceeded(exceeded(limit.owner, limit.quota, most))
            elif not wish.dry_run:
                wish.at = None if wish.name in held else at
                kept[wish.name] = at
        return kept

    def _existing(self, limit: _Limit, on_their_way: int, most: int, deadline: Deadline) -> tuple[set[str], int]:
        """Return the names of the counted stores, and the number of stores that are counted without their names.

        For all owners together, the number is sufficient as long as everything fits even if each reservation is counted
        twice.
        """
        if limit.owner is None:
            there = self._cluster.count(deadline)
            if there is not None and there + on_their_way <= most:
                return set(), there
        return self._cluster.names(limit.owner, deadline), 0

    def _without_lost(self, limit: _Limit, kept: dict[str, str], deadline: Deadline) -> dict[str, str]:
        """Return the reservations without those whose name is another owner's store: their creation has failed."""
        if limit.owner is None:
            return kept

        def lost(name: str) -> bool:
            store = self._cluster.store(name, deadline)
            return store is not None and store["spec"]["owner"] != limit.owner

        gone = {name for name in list(kept)[:CHECKED] if lost(name)}
        return {name: at for name, at in kept.items() if name not in gone}

    def _write(self, limit: _Limit, quota: dict[str, Any] | None, held: dict[str, str], deadline: Deadline) -> bool:
        """Write the reservations; return False after a short wait if another replica was faster, so that they are read
        again.
        """
        try:
            quota = quota or self._cluster.create_quota(limit.quota, limit.owner, deadline)
            self._cluster.write_quota_status({**quota, "status": {"reserved": held}}, deadline)
        except ApiException as error:
            if error.status not in (404, 409):
                raise
            time.sleep(min(random.uniform(0.005, 0.05), deadline.remaining()))  # noqa: S311 (no secret)
            return False
        return True
