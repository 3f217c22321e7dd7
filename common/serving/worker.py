"""A gunicorn worker in which waiting costs next to nothing, and no peer can keep the others waiting.

Why greenlets: nearly all that a request does here is to wait, for the API server, a database, an issuer or its own
peer. With a thread each, whoever makes a pool's threads wait stops the service. gevent's greenlets are threads to the
libraries (the Kubernetes client, requests, redis, SQLAlchemy; psycopg sees the patched ``select`` and waits by it),
so that code stays as it is. The hooks only compute: one at a time, as before under the interpreter's lock.

Gunicorn's own gevent worker bounds nothing but the idle time, and holds a greenlet (25 KiB) for each idle connection.
Here a connection without a request is an entry in a table; it gets its greenlet with its first byte, and from then on
each part of the exchange has an end (``limits``). The parser, the responses and the errors are gunicorn's.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

import gevent
from gevent.server import StreamServer
from gunicorn import http, sock
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker
from prometheus_client import Gauge

from .connections import Connection, Connections
from .exchange import PIECE, READ, Progress, bounded
from .limits import HEADER_BYTES, HEADER_SECONDS, IDLE_SECONDS, LINGER_SECONDS, WRITE_SECONDS, raise_open_files
from .server import Service

SWEEP_SECONDS = 0.5


class Unreader(SocketUnreader):
    """Gunicorn's; while a header is read, it reads so many bytes and no more.

    Gunicorn's own limits count fields and their sizes, which together allow 800 KiB a connection.
    """

    _left: float = inf

    @contextmanager
    def at_most(self, size: int) -> Iterator[None]:
        """:raise LimitRequestHeaders: by what reads within; there was more."""
        self._left = size
        try:
            yield
        finally:
            self._left = inf

    def chunk(self, size_hint: int | None = None) -> bytes:
        """As in the base class."""
        if self._left <= 0:
            raise LimitRequestHeaders(f"the header must be at most {HEADER_BYTES} bytes")
        data = bytes(super().chunk(size_hint))  # type: ignore[call-arg]
        self._left -= len(data)
        return data


class Worker(GeventWorker):
    """One process."""

    app: Service

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._connections = Connections(raise_open_files(), self._close)
        self._tls: tuple[Any, Any] = (None, None)

    def run(self) -> None:
        """Serve until a signal; then end streams, wait for open requests, and return."""
        hub: Any = gevent.get_hub()
        hub.print_exception = lambda _, *error: self.log.error("a greenlet failed", exc_info=error)
        servers = [self._server(listener, tls=self.cfg.is_ssl) for listener in self.sockets]
        if bind := self.app.serving.metrics_bind:
            servers.append(self._server(bind, tls=False))
        for each in servers:
            each.start()
        while self.alive:
            self._breathe()
        for each in servers:
            each.close()
        self.app.serving.stopping()
        self._end()

    def load_wsgi(self) -> None:
        """The application, beside the metrics at their own port."""
        super().load_wsgi()
        progress = Progress()
        main, metrics = bounded(self.wsgi, progress), bounded(self.app.metrics, Progress())
        port = self.app.serving.metrics_bind.rpartition(":")[2]

        def route(environ: Any, start_response: Any) -> Any:
            return (metrics if environ["SERVER_PORT"] == port else main)(environ, start_response)

        self.wsgi = route
        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("store_service_oldest_request_seconds", "How long a request has had no answer", progress.oldest_seconds),
            ("store_service_connections", "Connections, of which most wait", lambda: len(self._connections)),
        )
        for name, what, value in gauges:
            Gauge(name, what, registry=self.app.serving.metrics).set_function(value)

    def _server(self, listener: Any, tls: bool) -> StreamServer:
        def accept(client: Any, address: Any) -> None:
            self._accept(Connection(client, address, server.address, tls))

        # What it would spawn for each connection is called at once: no greenlet is needed yet.
        at_once: Any = lambda _, handle, __, arguments: handle(*arguments)  # noqa: E731
        server = StreamServer(listener, accept, spawn=at_once)
        return server

    def _breathe(self) -> None:
        self.notify()
        gevent.sleep(SWEEP_SECONDS)
        for connection in self._connections.waiting_before(time.monotonic() - IDLE_SECONDS):
            self._close(connection)

    def _end(self) -> None:
        end = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < end and self._connections.busy():
            self.notify()
            gevent.sleep(0.05)
        if busy := self._connections.busy():
            self.log.warning("%d requests were cut off at the end", busy)

    def _accept(self, connection: Connection) -> None:
        """In the hub: nothing here may wait."""
        if not self._connections.add(connection):
            connection.socket.close()
            return
        connection.socket.settimeout(WRITE_SECONDS)
        self._wait(connection)

    def _wait(self, connection: Connection) -> None:
        self._connections.wait(connection, time.monotonic())
        if connection.watcher is None:
            connection.watcher = gevent.get_hub().loop.io(connection.socket.fileno(), READ)
        connection.watcher.start(self._wake, connection)

    def _wake(self, connection: Connection) -> None:
        """In the hub: its peer says something, or goes."""
        connection.watcher.stop()
        self._connections.leave(connection)
        gevent.spawn(self._serve, connection)

    def _close(self, connection: Connection) -> None:
        if connection.watcher is not None:
            connection.watcher.stop()
            connection.watcher.close()
        self._connections.remove(connection)
        connection.socket.close()

    def _serve(self, connection: Connection) -> None:
        """Answer until there is nothing more to read; then it waits again, or is closed."""
        kept = False
        try:
            while self._answer(connection):
                # What is here already, decrypted or read ahead, would wake nobody.
                if not _read_ahead(connection):
                    kept = True
                    return
        except (StopIteration, NoMoreData, gevent.Timeout, gevent.GreenletExit, OSError) as error:
            self.log.debug("a connection ended: %r", error)
        finally:
            if kept and self.alive:
                self._wait(connection)
            else:
                _linger(connection)
                self._close(connection)

    def _answer(self, connection: Connection) -> bool:
        """Read a request and answer it; whether there may be another one."""
        request = None
        try:
            with gevent.Timeout(HEADER_SECONDS):
                if connection.tls:
                    connection.socket = self._tls_context().wrap_socket(connection.socket, server_side=True)
                    connection.tls = False
                if connection.parser is None:
                    connection.parser = http.get_parser(self.cfg, connection.socket, connection.address)
                    connection.parser.unreader = Unreader(connection.socket)
                with connection.parser.unreader.at_most(HEADER_BYTES):
                    request = next(connection.parser)
            request.proxy_protocol_info = request.proxy_protocol_info or {}
            # Not gunicorn's gevent worker's own: after an answer that was cut off, it would read on.
            AsyncWorker.handle_request(self, connection.listener, request, connection.socket, connection.address)
        except (StopIteration, NoMoreData, OSError):
            raise
        except Exception as error:
            self.handle_error(request, connection.socket, connection.address, error)
            return False
        end = time.monotonic() + HEADER_SECONDS
        return bool(self.alive and connection.parser.finish_body(deadline=end))

    def _tls_context(self) -> Any:
        """Made again when a file of it changes: a renewed certificate needs no restart."""
        files = (self.cfg.certfile, self.cfg.keyfile, self.cfg.ca_certs)
        changed = [Path(file).stat().st_mtime_ns for file in files if file]
        if changed != self._tls[0]:
            self._tls = (changed, sock.ssl_context(self.cfg))
        return self._tls[1]


def _linger(connection: Connection) -> None:
    """Let the peer read the last answer, while it may still be sending.

    The kernel resets a connection that is closed with something unread, and the answer with it (RFC 9112, 9.6).
    """
    with suppress(OSError, gevent.Timeout), gevent.Timeout(LINGER_SECONDS):
        connection.socket.shutdown(socket.SHUT_WR)
        while connection.socket.recv(PIECE):
            pass


def _read_ahead(connection: Connection) -> bool:
    """Whether some of the next request is here already."""
    encrypted = isinstance(connection.socket, ssl.SSLSocket)
    return bool(connection.parser.unreader.buf.getvalue() or (encrypted and connection.socket.pending()))
