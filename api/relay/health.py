"""Metrics, and whether the process still works, on a port of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

# A process whose loop has not come round for so long hangs.
HANGS_SECONDS = 30.0


class Health:
    """Answers at /healthz, /readyz and /metrics from ``start`` on. ``beat`` says that the process works."""

    def __init__(self, bind: str, registry: CollectorRegistry) -> None:
        host, _, port = bind.rpartition(":")
        self._metrics, self._beat = make_wsgi_app(registry), time.monotonic()
        self._server: WSGIServer = make_server(host, int(port), self._answer, handler_class=_Quiet)

    def start(self) -> None:
        """Answer, in a thread."""
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def beat(self) -> None:
        """The process works."""
        self._beat = time.monotonic()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in ("/healthz", "/readyz"):
            answer: Iterable[bytes] = self._metrics(environ, start)
            return answer
        works = time.monotonic() - self._beat < HANGS_SECONDS
        start("200 OK" if works else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if works else b"the relay hangs\n"]


class _Quiet(WSGIRequestHandler):
    # In seconds: who sends no request holds up no other.
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
        """Nothing: probes are no news."""
