"""Takes a store's slot before it is made, so that however many are asked for at once no quota is exceeded.

A slot is a name in ``status.reserved`` of a StoreQuota, written only if nobody wrote there since it was read, and
counted beside the stores that are there. Of two creates that compete for the last slot, the one whose reservation is
written later has either seen the other's, or its write is refused and it looks again. The stores are listed after the
StoreQuota was read: one whose reservation is over or taken away is in that list, or never came.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from .cluster import Cluster, Deadline, TimeIsUp
from .quota import GLOBAL, exceeded, max_stores, quota_name, reserved, timestamp

# What a call of the API server may end with beside its answer.
UNANSWERED = (ApiException, HTTPError, TimeIsUp)


class QuotaExceeded(Exception):
    """There are as many stores as there may be; the message says whose, and what to do."""


@dataclass(frozen=True)
class _Limit:
    """A StoreQuota by name, whose it is (None: all owners'), and what it allows where it doesn't say."""

    quota: str
    owner: str | None
    default: int


class Slots:
    """The slots of all owners, and of the platform.

    :param owner: how many stores an owner may have whose StoreQuota doesn't say. :param everybody: the same for all.
    """

    def __init__(self, cluster: Cluster, owner: int, everybody: int) -> None:
        self._cluster, self._owner, self._everybody = cluster, owner, _Limit(GLOBAL, None, everybody)
        # In one process one after the other, so that only replicas find each other's writes in their way.
        self._locks = [Lock() for _ in range(64)]

    def take(self, name: str, owner: str, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Reserve the Store ``name``; a dry run only looks.

        :raise QuotaExceeded: there is no slot. :raise TimeIsUp: too many ask at once. Raises as ``Cluster`` does.
        """
        mine = _Limit(quota_name(owner), owner, self._owner)
        at = self._reserve(mine, name, deadline, dry_run)
        try:
            self._reserve(self._everybody, name, deadline, dry_run)
        except Exception:
            if at:
                with suppress(*UNANSWERED):  # it ends by itself
                    self._drop(mine.quota, name, Deadline.within(1), lambda held: held == at)
            raise

    def give_back(self, name: str, uid: str, owner: str, deadline: Deadline) -> None:
        """Forget the reservation of a Store that is there: it counts by itself until it is gone. Raises as ``take``."""

        def there(_: str) -> bool:
            store = self._cluster.store(name, deadline)
            return store is not None and store["metadata"]["uid"] == uid

        for quota in (quota_name(owner), GLOBAL):
            self._drop(quota, name, deadline, there)

    def _reserve(self, limit: _Limit, name: str, deadline: Deadline, dry_run: bool) -> str | None:
        """The time that now stands beside the name; None where it was reserved before, or is not now."""
        with self._alone(limit.quota, deadline):
            while True:
                now = datetime.now(UTC)
                quota = self._cluster.quota(limit.quota, deadline)
                most, held = max_stores(quota, limit.default), reserved(quota, now)
                others, kept = self._count(limit, name, held, most, deadline)
                if others >= most:
                    raise QuotaExceeded(exceeded(limit.owner, limit.quota, most))
                if dry_run:
                    return None
                at = timestamp(now)
                if self._write(limit, quota, {**kept, name: at}, deadline):
                    return None if name in held else at

    def _count(
        self, limit: _Limit, name: str, held: dict[str, str], most: int, deadline: Deadline
    ) -> tuple[int, dict[str, str]]:
        """How many stores there are or come beside ``name``, and the reservations that still count.

        For all owners it may be too many while it is below ``most``: a store whose reservation stands counts twice.
        """
        if limit.owner is None:
            there = self._cluster.count(deadline)
            if there is not None and there + len(held) < most:
                return there + len(held), held
        names = self._cluster.names(limit.owner, deadline)
        kept = {each: at for each, at in held.items() if each not in names}
        return len((names | kept.keys()) - {name}), kept

    def _drop(self, quota_name: str, name: str, deadline: Deadline, ours: Callable[[str], bool]) -> None:
        """Take a reservation away if it is ``ours``, which is asked its time after the StoreQuota was read."""
        with self._alone(quota_name, deadline):
            while True:
                quota = self._cluster.quota(quota_name, deadline)
                held = reserved(quota, datetime.now(UTC))
                if name not in held or not ours(held.pop(name)):
                    return
                if self._write(_Limit(quota_name, None, 0), quota, held, deadline):
                    return

    def _write(self, limit: _Limit, quota: dict[str, Any] | None, held: dict[str, str], deadline: Deadline) -> bool:
        """Whether it was written; if not, somebody else was faster, and after a moment it is to be read again."""
        try:
            quota = quota or self._cluster.create_quota(limit.quota, limit.owner, deadline)
            self._cluster.write_quota_status({**quota, "status": {"reserved": held}}, deadline)
        except ApiException as error:
            if error.status not in (404, 409):
                raise
            time.sleep(min(random.uniform(0.005, 0.05), deadline.remaining()))  # noqa: S311 (no secret)
            return False
        return True

    @contextmanager
    def _alone(self, quota: str, deadline: Deadline) -> Iterator[None]:
        lock = self._locks[zlib.crc32(quota.encode()) % len(self._locks)]
        if not lock.acquire(timeout=deadline.remaining()):
            raise TimeIsUp
        try:
            yield
        finally:
            lock.release()
