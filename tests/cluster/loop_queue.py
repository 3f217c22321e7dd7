"""A work queue of keys: each is queued at most once and processed by one worker at a time, with delays and backoff."""

import heapq
import math
import time
from threading import Condition

FIRST_BACKOFF, LONGEST_BACKOFF = 0.005, 1000.0
RETRIES_PER_SECOND, RETRY_BURST = 10.0, 100


class WorkQueue:
    """Delays are in seconds. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._ready: dict[str, None] = {}  # an ordered set
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._waiting: list[tuple[float, str]] = []  # a heap; an entry counts only if _due agrees
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._next_retry = 0.0
        self._closed = False

    def add(self, key: str, after: float = 0.0) -> None:
        """Process the key now, or in `after` seconds; of several such times the earliest counts."""
        with self._changed:
            if after > 0:
                due = time.monotonic() + after
                if due < self._due.get(key, math.inf):
                    self._due[key] = due
                    heapq.heappush(self._waiting, (due, key))
            else:
                self._make_ready(key)
            self._changed.notify()

    def retry(self, key: str) -> None:
        """Process it again after its backoff, which doubles each time, and within the rate of all keys."""
        with self._changed:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            backoff = min(FIRST_BACKOFF * 2 ** min(failures - 1, 30), LONGEST_BACKOFF)
            now = time.monotonic()
            burst = RETRY_BURST / RETRIES_PER_SECOND
            self._next_retry = max(self._next_retry, now - burst) + 1 / RETRIES_PER_SECOND
            delay = max(backoff, self._next_retry - now)
        self.add(key, delay)

    def forget(self, key: str) -> None:
        """Reset the key's backoff."""
        with self._changed:
            self._failures.pop(key, None)

    def get(self) -> str | None:
        """Return the next key, waiting for one; None once the queue is closed. Call `done` afterwards."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                wait = self._move_due()
                if self._ready:
                    key = next(iter(self._ready))
                    del self._ready[key]
                    self._working.add(key)
                    return key
                self._changed.wait(wait)

    def done(self, key: str) -> None:
        """Mark it as processed; if it was added meanwhile it is queued again."""
        with self._changed:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._make_ready(key)
                self._changed.notify()

    def close(self) -> None:
        """Make every waiting `get` return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _make_ready(self, key: str) -> None:
        if key in self._working:
            self._again.add(key)
        else:
            self._ready[key] = None

    def _move_due(self) -> float | None:
        """Move keys whose time has come to the ready ones; return the seconds until the next one's time."""
        while self._waiting:
            due, key = self._waiting[0]
            if due > time.monotonic():
                return due - time.monotonic()
            heapq.heappop(self._waiting)
            if self._due.get(key) == due:
                del self._due[key]
                self._make_ready(key)
        return None
