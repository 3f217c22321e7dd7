"""Count the mails that each store has sent in the last hour, and remember which ones were accepted."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from limits import RateLimitItemPerHour
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from storeplatform.common.redis_options import redis_options

PREFIX = "store-relay"
REMEMBERED, REMEMBERED_OF_ONE = 20_000, 500


class Counters:
    """Counters in ``url``, "memory://" or a Redis. Methods block, and raise StorageError if it is unavailable."""

    def __init__(self, url: str, mails_per_hour: int) -> None:
        options: dict[str, Any] = {"wrap_exceptions": True, **redis_options(url)}
        self._limiter = MovingWindowRateLimiter(storage_from_string(url, **options))
        self._limit = RateLimitItemPerHour(mails_per_hour)

    def has_room(self, store: str, mails: int) -> bool:
        """Whether that store may send that many mails now."""
        return self._limiter.test(self._limit, PREFIX, store, cost=mails)

    def count(self, store: str, mails: int) -> None:
        """Count accepted mails of that store."""
        self._limiter.hit(self._limit, PREFIX, store, cost=mails)


class Taken:
    """Recently accepted mails, by Message-ID and recipients.

    A client that was killed before it received the reply sends a mail again, with the same Message-ID. Each store has
    its own limit, so one store's mails do not evict another's.
    """

    def __init__(self) -> None:
        self._of: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()

    def add(self, store: str, message_id: str, recipients: Sequence[str]) -> None:
        """Remember a mail that has a Message-ID."""
        if not message_id:
            return
        own = self._of.setdefault(store, OrderedDict())
        self._of.move_to_end(store)
        own[_digest(message_id, recipients)] = None
        while len(own) > REMEMBERED_OF_ONE:
            own.popitem(last=False)
        while len(self._of) > REMEMBERED:
            self._of.popitem(last=False)

    def has(self, store: str, message_id: str, recipients: Sequence[str]) -> bool:
        """Whether that mail was accepted."""
        return _digest(message_id, recipients) in self._of.get(store, ())


def _digest(message_id: str, recipients: Sequence[str]) -> bytes:
    return hashlib.sha256("\0".join([message_id, *sorted(recipients)]).encode()).digest()
