"""An Ingress controller for one store: it routes by host and path as the rendered Ingress says.

A browser uses it as its proxy, so it sees the shop at its real address, whatever port this listens on. Other clients
may name the shop in the Host header. If the Ingress has TLS, it ends here, with a certificate of an unknown authority;
plain HTTP is redirected to it, as by ingress-nginx.
"""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import trustme
import urllib3

Object = dict[str, Any]
HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that leaves a page closes the connections of requests it no longer wants.
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class Ingress:
    """Serves once it is started; ``url`` is a client's HTTP proxy.

    :param area: where ``authority``, the certificate of the authority that signs the host's, is written.
    """

    def __init__(self, ingress: Object, services: dict[str, int], area: Path) -> None:
        (rule,) = ingress["spec"]["rules"]
        self.host = rule["host"]
        self.tls = bool(ingress["spec"].get("tls"))
        self.authority = area / "authority.pem"
        if self.tls:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(self.authority))
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(self.host).configure_cert(self.context)
        paths = [(path["path"], services[path["backend"]["service"]["name"]]) for path in rule["http"]["paths"]]
        self.paths = sorted(paths, key=lambda path: len(path[0]), reverse=True)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="ingress", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def port_for(self, path: str) -> int:
        """Return the port of the Service that the longest path prefix routes the path to."""
        parts = path.rstrip("/").split("/")
        return next(port for prefix, port in self.paths if prefix == "/" or parts[:2] == prefix.split("/"))


def _handler(ingress: Ingress) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        scheme = "http"

        def log_message(self, *_: object) -> None:
            """Log nothing: the shop has its own logs."""

        def do_CONNECT(self) -> None:
            """Everything that the browser sends after this is TLS."""
            if not ingress.tls or self.path != f"{ingress.host}:443":
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.connection = ingress.context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")  # type: ignore[assignment]
            # Buffered: TLS writes at most 16 KB at a time, and an unbuffered stream would drop the rest.
            self.wfile = self.connection.makefile("wb")
            self.scheme = "https"
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            # the server closes the socket that it accepted, but not the TLS socket made from it
            self.connection.close()

        def forward(self) -> None:
            target = urlsplit(urljoin(f"{self.scheme}://{self.headers['Host']}", self.path))
            if target.hostname != ingress.host:
                self.send_error(404)
                return
            if ingress.tls and target.scheme == "http":
                self.send_response(308)
                self.send_header("Location", target._replace(scheme="https").geturl())
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            headers |= {"X-Forwarded-Proto": target.scheme, "X-Forwarded-For": "203.0.113.7", "Host": ingress.host}
            address = f"http://127.0.0.1:{ingress.port_for(target.path)}{target.path}"
            address += f"?{target.query}" if target.query else ""
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    session.headers.clear()  # the client states what it accepts
                    answer = session.request(
                        self.command,
                        address,
                        data=body,
                        headers=headers,
                        allow_redirects=False,
                        stream=True,
                        timeout=60,
                    )
                    # As compressed by the shop: over TLS a browser accepts encodings that can't be decoded here.
                    content = answer.raw.read(decode_content=False)
            except (requests.RequestException, urllib3.exceptions.HTTPError):
                self.send_error(502)
                return
            self.send_response(answer.status_code)
            for name, value in answer.raw.headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = do_DELETE = do_PUT = do_OPTIONS = forward

    return Handler
