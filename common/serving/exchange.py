"""Bound an exchange: a deadline for the request body, and an early end of a response whose client disconnects."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestTimeout, ServiceUnavailable

from .limits import BODIES_BYTES, BODY_SECONDS, PEER_BODIES_BYTES

# libev's event flag, and Linux's number for the TCP state ESTABLISHED (tcp_states.h).
READ, ESTABLISHED = 1, 1
# The size of one read of a body, in bytes: a complete sync request fits in one.
PIECE = 256 * 1024
# If more than this is left unread of a body, the connection is closed instead of reading the rest.
SKIPPED_BYTES = 32 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Progress:
    """The requests that have no response yet, by their start time."""

    def __init__(self) -> None:
        self._begun: dict[object, float] = {}

    def oldest_seconds(self) -> float:
        """Return the age of the oldest request in seconds; 0 if there is none."""
        return time.monotonic() - next(iter(self._begun.values()), time.monotonic())

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a request as in progress for the duration of the context."""
        self._begun[key := object()] = time.monotonic()
        try:
            yield
        finally:
            del self._begun[key]


def bounded(application: Application, progress: Progress) -> Application:
    """Wrap the application: request bodies get a deadline, and responses of unknown length end when the client
    disconnects.
    """

    room = Room()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        endless = True

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal endless
            endless = not any(name.lower() == "content-length" for name, _ in headers)
            if not taken.can_be_skipped:
                start_response.__self__.force_close()  # type: ignore[attr-defined]
            return start_response(status, headers, *more)

        with progress.one_more(), room.of(environ.get("REMOTE_ADDR", "")) as take:
            length = int(environ.get("CONTENT_LENGTH") or 0) if "HTTP_TRANSFER_ENCODING" not in environ else None
            taken = Body(environ["wsgi.input"], length, time.monotonic() + BODY_SECONDS, take)
            environ["wsgi.input"] = taken
            body = application(environ, start)
        return Read(body, environ["gunicorn.socket"]) if endless else body

    return answer


class Room:
    """A budget of memory for the request bodies that are being processed."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    @contextmanager
    def of(self, peer: str) -> Iterator[Callable[[int], None]]:
        """Return a function that reserves a number of bytes until the context ends.

        :raise werkzeug.exceptions.ServiceUnavailable: by that function, if the budget is exhausted.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self._of.get(peer, 0) + size > PEER_BODIES_BYTES or sum(self._of.values()) + size > BODIES_BYTES:
                raise ServiceUnavailable("too many large requests arrive at once: try again", retry_after=1)
            taken += size
            self._of[peer] = self._of.get(peer, 0) + size

        try:
            yield take
        finally:
            if taken:
                self._of[peer] -= taken
                if not self._of[peer]:
                    del self._of[peer]


class Body:
    """A request's body, read in pieces within the memory budget and until a deadline (monotonic seconds).

    :param length: in bytes; None if the request does not state it.
    :param take: called with the size of each piece.
    :raise werkzeug.exceptions.RequestTimeout: by each method, if the deadline has passed.
    :raise werkzeug.exceptions.BadRequest: by each method, if the body is not framed as HTTP requires.
    Whatever ``take`` raises is passed on.
    """

    def __init__(self, stream: Any, length: int | None, end: float, take: Callable[[int], None]) -> None:
        self._stream, self._end, self._take = stream, end, take
        self._length, self._read, self._whole = length, 0, length == 0

    @property
    def can_be_skipped(self) -> bool:
        """Whether so little is unread that the connection can be kept alive."""
        return self._whole or (self._length is not None and self._length - self._read <= SKIPPED_BYTES)

    def read(self, size: int | None = None) -> bytes:
        """Read like a file, at most one piece even if ``size`` is larger."""
        if size is None or size < 0:
            return b"".join(iter(self.read_piece, b""))
        return self.read_piece(size)

    def read_piece(self, size: int = PIECE) -> bytes:
        """Return what is available, at most one piece."""
        return self._taken(self._in_time(self._stream.read, min(size, PIECE)))

    def readline(self, size: int | None = None) -> bytes:
        """Read a line like a file, at most one piece long."""
        return self._taken(self._in_time(self._stream.readline, PIECE if size is None else min(size, PIECE)))

    def readlines(self, _size: int | None = None) -> list[bytes]:
        """Read lines like a file."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _taken(self, data: bytes) -> bytes:
        self._take(len(data))
        self._read += len(data)
        return data

    def _in_time(self, read: Callable[[int], Any], size: int) -> bytes:
        slow = RequestTimeout(f"the request's body must arrive within {BODY_SECONDS:g} seconds: send it faster")
        try:
            with gevent.Timeout(max(0.0, self._end - time.monotonic()), slow):
                data = bytes(read(size))
        except ParseException as error:
            raise BadRequest(f"the request's body is invalid: {error}") from error
        self._whole = self._whole or (not data and size > 0)
        return data


class Read:
    """A response's body that ends when its client disconnects, so that its generator's resources are released at once.

    Without this, a disconnect is noticed only when the next piece is written, which may take hours for a quiet log. The
    kernel reports the disconnect as a readable socket, so no greenlet has to wait for it.
    """

    def __init__(self, body: Iterable[bytes], connection: Any) -> None:
        self._body, self._connection = body, connection
        self._watcher: Any = None

    def __iter__(self) -> Iterator[bytes]:
        self._watcher = gevent.get_hub().loop.io(self._connection.fileno(), READ)
        self._watcher.start(self._look, gevent.getcurrent())
        try:
            yield from self._body
        finally:
            self._unwatch()

    def close(self) -> None:
        """Release everything at the end of the exchange, however it ended."""
        self._unwatch()
        if hasattr(self._body, "close"):
            self._body.close()

    def _look(self, reading: Any) -> None:
        state = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        self._unwatch()  # the client has pipelined its next request, so it is connected; stop watching it
        if state != ESTABLISHED:
            gevent.kill(reading)

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
