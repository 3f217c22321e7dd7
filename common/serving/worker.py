"""A gunicorn worker that serves many waiting connections cheaply, and limits what a single peer can block.

Why greenlets: nearly all of a request's time here is spent waiting for the API server, a database, an issuer or the
client. With a thread pool, slow peers could occupy every thread. gevent patches the libraries (the Kubernetes client,
requests, redis, SQLAlchemy; psycopg uses the patched ``select``), so our code stays synchronous. The hooks only
compute: they handle one request at a time, as they did under the interpreter's lock.

Why not gunicorn's own gevent worker: it bounds only the idle time, and holds a greenlet (25 KiB) for each idle
connection. Here an idle connection is an entry in a table. It gets a greenlet with its first byte, and from then on
each part of the exchange has a timeout (``limits``). Parser, responses and errors are gunicorn's.
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
    """gunicorn's reader, which reads at most a given number of bytes of a header.

    gunicorn's own limits (number and size of fields) together allow 800 KiB per connection.
    """

    _left: float = inf

    @contextmanager
    def at_most(self, size: int) -> Iterator[None]:
        """Limit what is read within the context.

        :raise LimitRequestHeaders: by a read within it that exceeds the limit.
        """
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
    """One worker process."""

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
        """Load the application, and serve the metrics on their own port."""
        super().load_wsgi()
        progress = Progress()
        main, metrics = bounded(self.wsgi, progress), bounded(self.app.metrics, Progress())
        port = self.app.serving.metrics_bind.rpartition(":")[2]

        def route(environ: Any, start_response: Any) -> Any:
            return (metrics if environ["SERVER_PORT"] == port else main)(environ, start_response)

        self.wsgi = route
        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("store_service_oldest_request_seconds", "The age of the oldest open request", progress.oldest_seconds),
            ("store_service_connections", "Connections, most of them idle", lambda: len(self._connections)),
        )
        for name, what, value in gauges:
            Gauge(name, what, registry=self.app.serving.metrics).set_function(value)

    def _server(self, listener: Any, tls: bool) -> StreamServer:
        def accept(client: Any, address: Any) -> None:
            self._accept(Connection(client, address, server.address, tls))

        # Called directly instead of in a new greenlet for each connection: none is needed yet.
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
            self.log.warning("%d requests were cut off at shutdown", busy)

    def _accept(self, connection: Connection) -> None:
        """Accept a connection. Runs in gevent's hub, so it must not block."""
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
        """Handle a connection that has data or was closed. Runs in gevent's hub, so it must not block."""
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
        """Answer requests until there is no more data; then the connection becomes idle or is closed."""
        kept = False
        try:
            while self._answer(connection):
                # Data that is already decrypted or read ahead would not trigger a read event.
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
        """Read one request and answer it; return whether the connection can be reused."""
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
            # Not that of gunicorn's gevent worker: it would continue to read after a truncated response.
            AsyncWorker.handle_request(self, connection.listener, request, connection.socket, connection.address)
        except (StopIteration, NoMoreData, OSError):
            raise
        except Exception as error:
            self.handle_error(request, connection.socket, connection.address, error)
            return False
        end = time.monotonic() + HEADER_SECONDS
        return bool(self.alive and connection.parser.finish_body(deadline=end))

    def _tls_context(self) -> Any:
        """Return the TLS context, created again when a file changes: a renewed certificate needs no restart."""
        files = (self.cfg.certfile, self.cfg.keyfile, self.cfg.ca_certs)
        changed = [Path(file).stat().st_mtime_ns for file in files if file]
        if changed != self._tls[0]:
            self._tls = (changed, sock.ssl_context(self.cfg))
        return self._tls[1]


def _linger(connection: Connection) -> None:
    """Let the peer read the last response while it may still be sending.

    If a connection is closed with unread data, the kernel resets it and the response is lost (RFC 9112, 9.6).
    """
    with suppress(OSError, gevent.Timeout), gevent.Timeout(LINGER_SECONDS):
        connection.socket.shutdown(socket.SHUT_WR)
        while connection.socket.recv(PIECE):
            pass


def _read_ahead(connection: Connection) -> bool:
    """Whether part of the next request has already arrived."""
    encrypted = isinstance(connection.socket, ssl.SSLSocket)
    return bool(connection.parser.unreader.buf.getvalue() or (encrypted and connection.socket.pending()))
