"""The latest changes of stores, in order, and the events of readers that wait for the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from .entries import Entry

KEPT_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a Store; ``version`` is the cluster's resourceVersion, which only grows."""

    version: int
    gone: bool
    entry: Entry


class Journal:
    """Not thread-safe: the cache holds a lock.

    ``forgotten``: changes up to this version may be missing.
    """

    def __init__(self) -> None:
        self.forgotten = 0
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._listening: dict[str | None, set[Event]] = {}

    def begin(self, version: int) -> None:
        """Forget changes up to that version: they are not known individually."""
        self._changes.clear()
        self.forgotten = version
        self.wake_all()

    def add(self, change: Change) -> None:
        """Add a change, and wake the readers of its owner's stores."""
        if len(self._changes) == KEPT_CHANGES:
            self.forgotten = self._changes[0].version
        self._changes.append(change)
        for owner in (change.entry.owner, None):
            for event in tuple(self._listening.get(owner, ())):
                event.set()

    def since(self, version: int) -> list[Change]:
        """Return the changes after that version, in order. The cost depends only on their number."""
        found = []
        for change in reversed(self._changes):
            if change.version <= version:
                break
            found.append(change)
        return found[::-1]

    def wake_all(self) -> None:
        """Wake all readers."""
        for events in tuple(self._listening.values()):
            for event in tuple(events):
                event.set()

    @contextmanager
    def listening(self, owner: str | None) -> Iterator[Event]:
        """Return an event that is set at each change of the owner's stores; None: of any store."""
        event = Event()
        self._listening.setdefault(owner, set()).add(event)
        try:
            yield event
        finally:
            events = self._listening[owner]
            events.discard(event)
            if not events:
                del self._listening[owner]
