"""One address for several processes, like a Service: each new connection goes to the next process that responds."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress
from itertools import cycle
from threading import Thread


class Balancer:
    """Forwards bytes from ``port`` to one of the ``backends``, all of them ports of 127.0.0.1.

    ``taken``: the number of connections to each of them.
    """

    def __init__(self, backends: list[int]) -> None:
        self.taken: Counter[int] = Counter()
        self._turns, self._count = cycle(backends), len(backends)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):  # it wakes the thread that waits in accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        for _ in range(self._count):
            with suppress(OSError):
                port = next(self._turns)
                backend = socket.create_connection(("127.0.0.1", port))
                self.taken[port] += 1
                back = Thread(target=_pass_on, args=(backend, caller), daemon=True)
                back.start()
                _pass_on(caller, backend)
                back.join()
                backend.close()
                break
        caller.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
