"""The demo on a real node asks before it changes the machine, and its addresses open in a browser."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from rich.console import Console

from . import __main__ as demo
from . import local, real
from .forward import forwarded


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def ingress() -> Iterator[ThreadingHTTPServer]:
    """An ingress controller at another loopback address."""
    with ThreadingHTTPServer(("127.1.2.3", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_browser_reaches_the_node_by_a_loopback_port_during_the_demo(ingress: ThreadingHTTPServer) -> None:
    with forwarded("127.1.2.3", ingress.server_port) as port, requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"http://127.0.0.1:{port}/", headers={"Host": "one.stores.localhost"}, timeout=10)
        assert answer.text == "one.stores.localhost"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=10)


@pytest.fixture
def console() -> Console:
    """A stream that is not a terminal."""
    return Console(file=io.StringIO(), width=500)


def said(console: Console) -> str:
    """Return what it showed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_nothing_is_installed_if_nobody_can_be_asked(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert not real.agreed(console, yes=False)
    assert "It installs these packages: " in said(console)
    assert "ARGS=--yes agrees" in said(console)
    assert real.agreed(console, yes=True)


def test_without_root_containers_are_simulated_and_the_reason_is_shown(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr(local, "cluster", lambda _: "simulated")
    assert demo.chosen(console, simulated=False, yes=True) == "simulated"
    assert "No real node is possible here: a node needs root." in said(console)
