"""What surrounds the application during one exchange: an end to the request's body, and to an answer nobody reads."""

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

# libev's event, and Linux' state of a TCP connection that neither side has ended (tcp_states.h).
READ, ESTABLISHED = 1, 1
# Of a body at once: a full store's sync request is one.
PIECE = 256 * 1024
# Of a body that nobody reads: more of it is not worth keeping the connection for.
SKIPPED_BYTES = 32 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Progress:
    """The requests that have no answer yet, by when they began."""

    def __init__(self) -> None:
        self._begun: dict[object, float] = {}

    def oldest_seconds(self) -> float:
        """How long the oldest one has waited; 0 where there is none."""
        return time.monotonic() - next(iter(self._begun.values()), time.monotonic())

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """For as long as a request is worked on."""
        self._begun[key := object()] = time.monotonic()
        try:
            yield
        finally:
            del self._begun[key]


def bounded(application: Application, progress: Progress) -> Application:
    """The application; its requests' bodies have an end, and so has an answer of unknown length without a reader."""

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
    """The memory that bodies take while a request is worked on."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    @contextmanager
    def of(self, peer: str) -> Iterator[Callable[[int], None]]:
        """A function that takes so many bytes more, until the end of the context.

        :raise werkzeug.exceptions.ServiceUnavailable: by that function; there is no more room.
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
    """A request's body, whole by a time of the monotonic clock, and piece by piece within what there is room for.

    :param length: in bytes; None where the request does not say it. :param take: is called with the size of each piece.
    :raise werkzeug.exceptions.RequestTimeout: by each method; the body was not whole in time.
    :raise werkzeug.exceptions.BadRequest: by each method; the body is not framed as HTTP. Raises as ``take`` does.
    """

    def __init__(self, stream: Any, length: int | None, end: float, take: Callable[[int], None]) -> None:
        self._stream, self._end, self._take = stream, end, take
        self._length, self._read, self._whole = length, 0, length == 0

    @property
    def can_be_skipped(self) -> bool:
        """Whether what is unread is so little that the connection is of use afterwards."""
        return self._whole or (self._length is not None and self._length - self._read <= SKIPPED_BYTES)

    def read(self, size: int | None = None) -> bytes:
        """As of any file; at most a piece where ``size`` is larger."""
        if size is None or size < 0:
            return b"".join(iter(self.read_piece, b""))
        return self.read_piece(size)

    def read_piece(self, size: int = PIECE) -> bytes:
        """What there is, at most a piece."""
        return self._taken(self._in_time(self._stream.read, min(size, PIECE)))

    def readline(self, size: int | None = None) -> bytes:
        """As of any file, with a piece as the longest line."""
        return self._taken(self._in_time(self._stream.readline, PIECE if size is None else min(size, PIECE)))

    def readlines(self, _size: int | None = None) -> list[bytes]:
        """As of any file."""
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
    """An answer's body that ends when its reader goes: what makes it, and is held for it, is released at once.

    Otherwise only the next piece would show that nobody is there, and of a silent log there may be none for hours.
    The kernel reports the end of the reader's side as something to read, so no greenlet waits for it.
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
        """At the end of the exchange, whatever ended it."""
        self._unwatch()
        if hasattr(self._body, "close"):
            self._body.close()

    def _look(self, reading: Any) -> None:
        state = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        self._unwatch()  # a reader who is there has sent the next request, and is not looked at again
        if state != ESTABLISHED:
            gevent.kill(reading)

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
