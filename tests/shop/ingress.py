"""An Ingress controller for one store: routes by host and path as the rendered Ingress says.

A browser uses it as its proxy, so it meets the shop under its real address, whatever port this listens on. Other
clients may name the shop by the Host header.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

Object = dict[str, Any]
HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length", "content-encoding"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that leaves a page closes the connections of what it no longer wants.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Ingress:
    """Serves once it is started; ``url`` is what a client takes as its HTTP proxy."""

    def __init__(self, ingress: Object, services: dict[str, int]) -> None:
        (rule,) = ingress["spec"]["rules"]
        self.host = rule["host"]
        paths = [(path["path"], services[path["backend"]["service"]["name"]]) for path in rule["http"]["paths"]]
        self.paths = sorted(paths, key=lambda path: len(path[0]), reverse=True)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="ingress", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def port_for(self, path: str) -> int:
        """The port of the Service that the longest path prefix gives the path to."""
        parts = path.rstrip("/").split("/")
        return next(port for prefix, port in self.paths if prefix == "/" or parts[:2] == prefix.split("/"))


def _handler(ingress: Ingress) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing: the shop's own logs tell."""

        def forward(self) -> None:
            target = urlsplit(urljoin(f"http://{self.headers['Host']}", self.path))
            if target.hostname != ingress.host:
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers |= {"X-Forwarded-Proto": target.scheme, "X-Forwarded-For": "203.0.113.7", "Host": ingress.host}
            address = f"http://127.0.0.1:{ingress.port_for(target.path)}{target.path}"
            address += f"?{target.query}" if target.query else ""
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(
                        self.command, address, data=body, headers=headers, allow_redirects=False, timeout=60
                    )
            except requests.RequestException:
                self.send_error(502)
                return
            self.send_response(answer.status_code)
            for name, value in answer.raw.headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)

        do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = do_OPTIONS = forward

    return Handler
