"""A proxy between a program and PostgreSQL, so that the program can be killed at a certain statement.

The protocol: https://www.postgresql.org/docs/15/protocol-message-formats.html
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable

WRITES = re.compile(
    rb"\s*(insert|update|delete|create|alter|drop|truncate|commit|do|with .*(insert|update|delete))\b", re.I | re.S
)
HEADER = 5


class Statements:
    """Forwards between a program and the server at ``port``, and counts the program's writes.

    :param before: called before each statement that writes, with its number from 1 on; a false result ends everything.
    """

    def __init__(self, port: int, before: Callable[[int], bool]) -> None:
        self.written = 0
        self._server, self._before = port, before
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, name="statements", daemon=True).start()

    def close(self) -> None:
        """Stop forwarding."""
        self._ended.set()
        # Closing alone would leave a thread in its accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._counting:
            connections = list(self._connections)
        for each in connections:
            _end(each)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                program, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            with self._counting:
                self._connections += [program, server]
            for target, ends in ((self._forward, (program, server)), (self._back, (server, program))):
                threading.Thread(target=self._pass, args=(target, *ends), name="statements", daemon=True).start()

    def _pass(self, target: Callable[[socket.socket, socket.socket], None], *ends: socket.socket) -> None:
        try:
            # If either side has ended, the other has to end.
            with contextlib.suppress(OSError):
                target(*ends)
        finally:
            for each in ends:
                _end(each)

    def _back(self, server: socket.socket, program: socket.socket) -> None:
        while data := server.recv(65536):
            program.sendall(data)

    def _forward(self, program: socket.socket, server: socket.socket) -> None:
        waiting, begun = b"", False
        while data := program.recv(65536):
            waiting += data
            # Only complete messages. The first message of a connection has no type.
            while len(waiting) >= (head := HEADER if begun else HEADER - 1):
                length = int.from_bytes(waiting[head - 4 : head]) + head - 4
                if len(waiting) < length:
                    break
                message, waiting = waiting[:length], waiting[length:]
                if begun and _writes(message) and not self._counted():
                    return
                begun = True
                server.sendall(message)

    def _counted(self) -> bool:
        """Whether the next statement that writes may be forwarded."""
        with self._counting:
            if self._ended.is_set():
                return False
            self.written += 1
            if self._before(self.written):
                return True
            self._ended.set()
            return False


def _writes(message: bytes) -> bool:
    """Whether the text of a query or of a prepared statement changes something."""
    if message[:1] == b"Q":
        return bool(WRITES.match(message, HEADER))
    return message[:1] == b"P" and bool(WRITES.match(message, message.index(b"\0", HEADER) + 1))


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has already ended
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
