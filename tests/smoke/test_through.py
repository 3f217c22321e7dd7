"""Connect to one address for any host, over TLS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import trustme

from .through import Through

HOST = "shop.example.com"


class _Shop(BaseHTTPRequestHandler):
    """Sets a cookie and redirects its visitor, and then returns the host and cookie it received."""

    def do_GET(self) -> None:
        first = self.path == "/"
        self.send_response(302 if first else 200)
        if first:
            self.send_header("Location", f"https://{HOST}/done")
            self.send_header("Set-Cookie", "cart=1; Secure")
        self.end_headers()
        self.wfile.write(f"{self.headers['Host']} {self.headers['Cookie']}".encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a shop whose certificate is valid only for its host."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(host: str, address: str, authority: Path) -> requests.Response:
    """Request the host's first page at that address."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, str(authority)
        session.mount("https://", Through(address, host))
        return session.get(f"https://{host}/", timeout=10)


def test_host_certificate_cookie_and_redirect_are_the_shops(address: str, tmp_path: Path) -> None:
    answer = ask(HOST, address, tmp_path / "ca.pem")
    assert (answer.url, answer.text) == (f"https://{HOST}/done", f"{HOST} cart=1")


def test_a_certificate_of_another_host_is_rejected(address: str, tmp_path: Path) -> None:
    with pytest.raises(requests.exceptions.SSLError, match=r"other\.example\.com"):
        ask("other.example.com", address, tmp_path / "ca.pem")
