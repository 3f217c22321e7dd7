"""The connections of a process: who they are from, and which of them wait for a request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .limits import Limits


@dataclass(eq=False, slots=True)
class Connection:
    """One of them. ``waiting_since``: monotonic seconds, while it waits for a request.

    ``tls``: it begins with a handshake that is not made yet. ``parser``: gunicorn's, once it said something.
    """

    socket: Any
    address: Any
    listener: Any
    tls: bool
    parser: Any = None
    watcher: Any = None
    waiting_since: float = 0.0
    peer: str = field(init=False)

    def __post_init__(self) -> None:
        self.peer = self.address[0] if self.address else ""


class Connections:
    """All of them, by peer. Those that wait are in the order in which they began to.

    :param close: closes a connection that has waited.
    """

    def __init__(self, limits: Limits, close: Callable[[Connection], None]) -> None:
        self._limits, self._close = limits, close
        self._count: dict[str, int] = {}
        self._total = 0
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._waiting_of: dict[str, OrderedDict[Connection, None]] = {}

    def __len__(self) -> int:
        return self._total

    def busy(self) -> int:
        """How many do not wait for a request."""
        return self._total - len(self._waiting)

    def add(self, connection: Connection) -> bool:
        """Whether there is room for it; the one that has waited longest makes room."""
        peer = connection.peer
        if self._count.get(peer, 0) >= self._limits.peer and not self._make_room(self._waiting_of.get(peer)):
            return False
        if self._total >= self._limits.connections and not self._make_room(self._waiting):
            return False
        self._count[peer] = self._count.get(peer, 0) + 1
        self._total += 1
        return True

    def remove(self, connection: Connection) -> None:
        """It is closed."""
        self.leave(connection)
        peer = connection.peer
        self._total -= 1
        self._count[peer] -= 1
        if not self._count[peer]:
            del self._count[peer]

    def wait(self, connection: Connection, now: float) -> None:
        """It waits for a request from now on."""
        connection.waiting_since = now
        self._waiting[connection] = None
        self._waiting_of.setdefault(connection.peer, OrderedDict())[connection] = None

    def leave(self, connection: Connection) -> None:
        """It does not wait any more."""
        self._waiting.pop(connection, None)
        if (of_peer := self._waiting_of.get(connection.peer)) is not None:
            of_peer.pop(connection, None)
            if not of_peer:
                del self._waiting_of[connection.peer]

    def waiting_before(self, since: float) -> Iterator[Connection]:
        """Those that have waited since before that time. They may be removed while they are given."""
        while (oldest := next(iter(self._waiting), None)) is not None and oldest.waiting_since < since:
            yield oldest

    def _make_room(self, waiting: OrderedDict[Connection, None] | None) -> bool:
        if not waiting:
            return False
        self._close(next(iter(waiting)))
        return True
