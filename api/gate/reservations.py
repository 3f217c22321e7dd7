"""Reserves a place for a store before it is made, so that however many are asked for at once no quota is exceeded.

A reservation is a name in ``status.reserved`` of a StoreQuota, written only if nobody wrote there since it was read,
and counted beside the stores that exist. Of two creations that compete for the last place, the one whose reservation
is written later has either seen the other's, or its write is refused and it looks again. The stores are listed after
the StoreQuota was read: one whose reservation has expired or was removed is in that list, or never came.

Whatever asks for the same StoreQuota at the same time is decided together, in one read, one list and one write: many
creations cost little more than one, and nobody waits behind a lock while the API server answers somebody else.
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

# What a call of the API server may end with beside its answer.
UNANSWERED = (ApiException, HTTPError, TimeIsUp)
# The most reservations that are checked before a creation is refused for them.
CHECKED = 20


class QuotaExceeded(Exception):
    """The quota is used up; the message names its owner and what to do."""


class NameTaken(Exception):
    """There is a store of that name, so there can be no other; the message is the API server's own."""


class NamespaceTaken(Exception):
    """The namespace that the store would have exists and does not belong to a store."""


@dataclass(frozen=True)
class _Limit:
    """A StoreQuota by name, its owner (None: all owners'), and the limit where it has none."""

    quota: str
    owner: str | None
    default: int


@dataclass(eq=False)
class _Wish:
    """To reserve a name, to see whether it could be (``dry_run``), or to release it if its time is ``ours``.

    ``at``: the time that now stands beside the name; None where it was reserved before, or is not now. ``leads``: the
    thread that wishes it decides for all.
    """

    name: str
    dry_run: bool = False
    ours: Callable[[str], bool] | None = None
    leads: bool = False
    decided: bool = False
    at: str | None = None
    error: Exception | None = None

    def releases(self, held: dict[str, str]) -> bool:
        """Whether it takes its name away. What it could not find out is its own ``error``, and nobody else's."""
        try:
            return bool(self.ours and self.name in held and self.ours(held[self.name]))
        except UNANSWERED as error:
            self.error = error
            return False


class _Queue:
    """The wishes for one StoreQuota that are not decided yet; one of those who wish decides for all of them."""

    def __init__(self) -> None:
        self.wishes: list[_Wish] = []
        self.led = False
        self.changed = Condition()


class Reservations:
    """The reservations of all owners, and of the platform.

    :param owner: how many stores an owner may have whose StoreQuota has no limit. :param everybody: the same for all.
    """

    def __init__(self, cluster: GateCluster, owner: int, everybody: int) -> None:
        self._cluster, self._owner, self._everybody = cluster, owner, _Limit(GLOBAL, None, everybody)
        self._queues: dict[str, _Queue] = {}

    def take(self, name: str, owner: str, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Reserve the Store ``name``; a dry run only looks.

        :raise QuotaExceeded: there is no place. :raise NameTaken: it exists. :raise NamespaceTaken: its namespace does.
        :raise TimeIsUp: too many ask at once. Raises as ``GateCluster`` does.
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
                with suppress(*UNANSWERED):  # it expires
                    self._decided(mine, _Wish(name, ours=lambda held: held == at), Deadline.within(1))
            raise

    def give_back(self, name: str, uid: str, owner: str, deadline: Deadline) -> None:
        """Release the reservation of a Store that exists: the Store itself counts now. Raises as ``take``."""

        def there(_: str) -> bool:
            store = self._cluster.store(name, deadline)
            return store is not None and store["metadata"]["uid"] == uid

        for limit in (_Limit(quota_name(owner), owner, self._owner), self._everybody):
            self._decided(limit, _Wish(name, ours=there), deadline)

    def _decided(self, limit: _Limit, wish: _Wish, deadline: Deadline) -> str | None:
        """The wish's ``at``, once somebody decided it. :raise QuotaExceeded: against it. Raises as ``take``."""
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
        """Whether there is no more to wait for: it is decided, or this thread decides now. :raise TimeIsUp: neither."""
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
        """Decide whatever is wished for now. Raises as ``take``; then nothing is decided."""
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
        """The reservations after those that there is a place for were added; the others have their refusal."""
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
        """The names of the stores that count, and how many count without their names.

        For all owners the number is enough, while all of them fit even if every reservation is counted twice.
        """
        if limit.owner is None:
            there = self._cluster.count(deadline)
            if there is not None and there + on_their_way <= most:
                return set(), there
        return self._cluster.names(limit.owner, deadline), 0

    def _without_lost(self, limit: _Limit, kept: dict[str, str], deadline: Deadline) -> dict[str, str]:
        """The reservations but those whose name somebody else's store has: their creation has failed."""
        if limit.owner is None:
            return kept

        def lost(name: str) -> bool:
            store = self._cluster.store(name, deadline)
            return store is not None and store["spec"]["owner"] != limit.owner

        gone = {name for name in list(kept)[:CHECKED] if lost(name)}
        return {name: at for name, at in kept.items() if name not in gone}

    def _write(self, limit: _Limit, quota: dict[str, Any] | None, held: dict[str, str], deadline: Deadline) -> bool:
        """Whether it was written; if not, another replica was faster, and after a while it is to be read again."""
        try:
            quota = quota or self._cluster.create_quota(limit.quota, limit.owner, deadline)
            self._cluster.write_quota_status({**quota, "status": {"reserved": held}}, deadline)
        except ApiException as error:
            if error.status not in (404, 409):
                raise
            time.sleep(min(random.uniform(0.005, 0.05), deadline.remaining()))  # noqa: S311 (no secret)
            return False
        return True
