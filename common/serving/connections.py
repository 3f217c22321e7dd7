"""Track a process's connections: the peer of each, and which ones are idle."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .limits import ConnectionLimits


@dataclass(eq=False, slots=True)
class Connection:
    """One connection. ``waiting_since``: since when it is idle, in monotonic seconds.

    ``tls``: its handshake has not been made yet. ``parser``: gunicorn's, once the first byte has arrived.
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
    """All connections, by peer. Idle ones are ordered by how long they have been idle, longest first.

    :param close: called to close an idle connection.
    """

    def __init__(self, limits: ConnectionLimits, close: Callable[[Connection], None]) -> None:
        self._limits, self._close = limits, close
        self._count: dict[str, int] = {}
        self._total = 0
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._waiting_of: dict[str, OrderedDict[Connection, None]] = {}

    def __len__(self) -> int:
        return self._total

    def busy(self) -> int:
        """The number of connections that are not idle."""
        return self._total - len(self._waiting)

    def add(self, connection: Connection) -> bool:
        """Add a connection and return whether there is room for it; the one that has been idle longest is closed if
        necessary.
        """
        peer = connection.peer
        if self._count.get(peer, 0) >= self._limits.peer and not self._make_room(self._waiting_of.get(peer)):
            return False
        if self._total >= self._limits.connections and not self._make_room(self._waiting):
            return False
        self._count[peer] = self._count.get(peer, 0) + 1
        self._total += 1
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection."""
        self.leave(connection)
        peer = connection.peer
        self._total -= 1
        self._count[peer] -= 1
        if not self._count[peer]:
            del self._count[peer]

    def wait(self, connection: Connection, now: float) -> None:
        """Mark a connection as idle from now on."""
        connection.waiting_since = now
        self._waiting[connection] = None
        self._waiting_of.setdefault(connection.peer, OrderedDict())[connection] = None

    def leave(self, connection: Connection) -> None:
        """Mark a connection as no longer idle."""
        self._waiting.pop(connection, None)
        if (of_peer := self._waiting_of.get(connection.peer)) is not None:
            of_peer.pop(connection, None)
            if not of_peer:
                del self._waiting_of[connection.peer]

    def waiting_before(self, since: float) -> Iterator[Connection]:
        """Yield the connections that have been idle since before that time.

        The caller may remove them while iterating.
        """
        while (oldest := next(iter(self._waiting), None)) is not None and oldest.waiting_since < since:
            yield oldest

    def _make_room(self, waiting: OrderedDict[Connection, None] | None) -> bool:
        if not waiting:
            return False
        self._close(next(iter(waiting)))
        return True
