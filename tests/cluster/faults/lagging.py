"""A proxy of the API server that can delay watch events, and nothing else.

It behaves like an API server whose watch cache lags: writes are stored, but watchers do not see them yet.
"""

from __future__ import annotations

import http.client
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import yaml

CHUNK = 65536
# Headers of one connection, which are not forwarded.
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}


class LaggingProxy:
    """Serves while entered.

    :param kubeconfig: a user's; the attribute `kubeconfig` is the same for this proxy, written to `folder`.
    :param certificate: the API server's own, with its key, because clients send tokens only over TLS.
    """

    def __init__(self, kubeconfig: Path, certificate: Path, folder: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        inside = ssl.create_default_context(cafile=cluster["certificate-authority"])
        outside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        outside.load_cert_chain(certificate)
        self._server = _Server(outside, _handler(urlsplit(cluster["server"]).netloc, inside))
        self.kubeconfig = folder / "lagging.kubeconfig"
        cluster["server"] = f"https://127.0.0.1:{self._server.server_port}"
        self.kubeconfig.write_text(yaml.safe_dump(config))

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.passes.set()
        self._server.shutdown()
        self._server.server_close()

    def hold_back(self) -> None:
        """From now on, delay all watch events."""
        self._server.passes.clear()

    def let_pass(self) -> None:
        """Forward all delayed events in order, and all later ones at once."""
        self._server.passes.set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.passes = Event()
        self.passes.set()
        # Each connection does its own handshake, so that a slow one delays nobody.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)


def _handler(upstream: str, context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server: _Server

        def setup(self) -> None:
            super().setup()
            self.upstream = http.client.HTTPSConnection(upstream, context=context)

        def finish(self) -> None:
            self.upstream.close()
            super().finish()

        def forward(self) -> None:
            """Forward one exchange. If the API server breaks it off, so does this, as a client would see it."""
            try:
                self.exchange()
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.close_connection = True

        def exchange(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            self.upstream.request(self.command, self.path, body or None, headers)
            with self.upstream.getresponse() as response:
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in HOP_BY_HOP | {"date", "server"}:
                        self.send_header(name, value)
                if parse_qs(urlsplit(self.path).query).get("watch", ["false"])[0] in ("true", "1"):
                    self.stream(response)
                else:
                    content = response.read()
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

        def stream(self, response: http.client.HTTPResponse) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while chunk := response.read1(CHUNK):
                self.server.passes.wait()
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

        def log_message(self, *_: object) -> None:
            pass

    return Handler
