"""Serve metrics and health checks on their own port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

# In seconds. If the event loop has not run for this long, the process hangs.
HANGS_SECONDS = 30.0


class Health:
    """Serve /healthz, /readyz and /metrics after ``start``. ``beat`` reports that the process works."""

    def __init__(self, bind: str, registry: CollectorRegistry) -> None:
        host, _, port = bind.rpartition(":")
        self._metrics, self._beat = make_wsgi_app(registry), time.monotonic()
        self._server: WSGIServer = make_server(host, int(port), self._answer, handler_class=_Quiet)

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def beat(self) -> None:
        """Report that the process works."""
        self._beat = time.monotonic()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in ("/healthz", "/readyz"):
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        works = time.monotonic() - self._beat < HANGS_SECONDS
        start("200 OK" if works else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if works else b"the relay hangs\n"]


class _Quiet(WSGIRequestHandler):
    # In seconds: a client that sends no request must not block others.
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Log nothing: probes are frequent and uninteresting."""
