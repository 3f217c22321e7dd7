"""A slow, silent, disconnected or greedy peer does not affect others."""

from __future__ import annotations

import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Self

import pytest
import requests
import trustme

from tests.cluster.processes import Process, free_ports
from tests.cluster.served import Served
from tests.cluster.waiting import wait_until

from .small import CONNECTIONS, IDLE_SECONDS, PEER_CONNECTIONS

CLOSE = {"Connection": "close"}
GREETING = b"GET /healthz HTTP/1.1\r\nHost: service\r\n\r\n"


class Service(Served):
    """The small service of this folder; with TLS if it is given a certificate."""

    what, ready_path = "the service", "/metrics"

    def __init__(self, certificate: Path | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="serving-"))
        self.port, metrics = free_ports(2)
        self.urls = [f"http://127.0.0.1:{metrics}"]
        files = [str(certificate / "cert.pem"), str(certificate / "key.pem")] if certificate else ["", ""]
        binds = [f"127.0.0.1:{self.port}", f"127.0.0.1:{metrics}"]
        command = [sys.executable, "-W", "error", "-m", "tests.serving.service", *binds, *files]
        self.processes = [Process("the service", command, self.home / "log")]

    def log(self) -> str:
        return self.processes[0].log.read_text()

    def metric(self, name: str) -> float:
        lines = requests.get(f"{self.url}/metrics", timeout=5, headers=CLOSE).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Return a connection from that address of this machine."""
        return socket.create_connection(("127.0.0.1", self.port), 10, (source, 0))

    def healthy(self, source: str = "127.0.0.9") -> bool:
        with self.connect(source) as connection:
            connection.sendall(GREETING)
            return b"200 OK" in connection.recv(4096)


class Peers:
    """Many connections, each of which has sent only these bytes, from addresses that no other test uses."""

    numbers = count(1)

    def __init__(self, service: Service, connections: int, said: bytes, sources: int = 1) -> None:
        self._stack = ExitStack()
        number = next(self.numbers)
        addresses = [f"127.1.{number}.{1 + each % sources}" for each in range(connections)]
        self.source = addresses[0]
        self.all = [self._stack.enter_context(service.connect(each)) for each in addresses]
        for each in self.all:
            each.sendall(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    write_certificate(folder)
    return folder


@pytest.fixture(scope="module")
def encrypted(certificate: Path) -> Iterator[Service]:
    with Service(certificate) as service:
        yield service


def write_certificate(folder: Path) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))


def closed_after(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side closes the connection within that time; what it sends before does not matter."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("said", [b"", b"G", b"POST /echo HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\nx"])
def test_peers_that_send_little_delay_nobody_and_are_disconnected(service: Service, said: bytes) -> None:
    with Peers(service, 30, said) as peers:
        assert service.healthy()
        assert all(closed_after(each, IDLE_SECONDS + 5) for each in peers.all)


def test_a_body_that_arrives_too_slowly_is_answered_with_408(service: Service) -> None:
    with service.connect() as slow:
        slow.sendall(b"POST /echo HTTP/1.1\r\nHost: s\r\nContent-Length: 100\r\n\r\n")
        answer = b""
        for _ in range(60):
            try:
                slow.sendall(b"x")
            except ConnectionError:
                break
            slow.settimeout(0.1)
            try:
                answer += slow.recv(4096)
                break
            except TimeoutError:
                continue
        assert b" 408 " in answer


def test_a_body_that_is_too_large_is_rejected_unread(service: Service) -> None:
    answer = requests.post(f"http://127.0.0.1:{service.port}/echo", data=b"x" * (2 << 20), timeout=10)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"zz\r\nabc", b"1;" + b"a" * 70_000 + b"\r\nx\r\n0\r\n\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n"]
)
def test_a_malformed_body_is_a_client_error(service: Service, body: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert b" 400 " in connection.recv(4096).partition(b"\r\n")[0]
        assert closed_after(connection, 5)


def test_an_error_reaches_a_peer_that_sends_everything_before_it_reads(service: Service) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: s\r\nContent-Length: %d\r\n\r\n" % (2 << 20)
    for _ in range(20):
        with service.connect() as connection:
            connection.sendall(head + bytes(2 << 20))
            answer = connection.recv(4096)
            assert b" 413 " in answer
            assert b"connection: close" in answer.lower()
            assert closed_after(connection, 5)


def test_a_small_unread_body_keeps_the_connection(service: Service) -> None:
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=10)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("POST", "/healthz", b"hello")
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, connection.sock) == (405, first)


def test_an_endless_header_is_cut_off(service: Service) -> None:
    with service.connect() as connection:
        with suppress(ConnectionError):  # it may be cut off before all of it is sent
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: s\r\n")
            for number in range(40):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 2000))
        assert closed_after(connection, 0.9)  # before the timeout of a header


def test_headers_of_ordinary_size_are_accepted_repeatedly(service: Service) -> None:
    with requests.Session() as session:
        for _ in range(5):
            headers = {"Authorization": f"Bearer {'x' * 7000}", "Cookie": "y" * 4000}
            assert session.get(f"http://127.0.0.1:{service.port}/healthz", headers=headers, timeout=5).ok


def test_large_bodies_of_one_peer_leave_room_for_those_of_others(service: Service) -> None:
    size = 1024 * 1024
    header = b"POST /echo HTTP/1.1\r\nHost: s\r\nContent-Length: %d\r\n\r\n" % size
    with Peers(service, 4, header + b"x" * (size - 1)) as greedy:
        refused = [each for each in greedy.all if b" 503 " in started(each)]
        assert 1 <= len(refused) <= 3
        with service.connect("127.0.0.77") as other:
            other.sendall(header + b"x" * size)
            assert b" 200 " in read_until(other, b"\r\n")


def started(connection: socket.socket) -> bytes:
    """Return the start of a response; empty if there is none for a while."""
    connection.settimeout(0.3)
    try:
        return connection.recv(64)
    except TimeoutError:
        return b""


def test_a_response_that_nobody_reads_is_released(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n")
        wait_until(lambda: "a large answer is released" in service.log(), "it is released")
        assert service.healthy()


def test_a_silent_stream_is_released_as_soon_as_its_reader_disconnects(service: Service) -> None:
    before = service.log().count("a stream is released")
    with Peers(service, 20, b"GET /stream HTTP/1.1\r\nHost: s\r\n\r\n") as peers:
        assert all(b"begun" in read_until(each, b"begun") for each in peers.all)
        assert service.healthy()
    wait_until(lambda: service.log().count("a stream is released") == before + 20, "all are released")


def read_until(connection: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        piece = connection.recv(4096)
        assert piece, f"the connection ended after {found!r}"
        found += piece
    return found


def test_pipelined_requests_are_all_answered(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(GREETING * 3)
        answers = b""
        while answers.count(b"200 OK") < 3:
            answers += connection.recv(4096)


def test_a_connection_is_kept_between_requests(service: Service) -> None:
    with service.connect() as connection:
        for _ in range(3):
            connection.sendall(GREETING)
            assert b"200 OK" in read_until(connection, b"ok")


def test_a_peer_at_its_connection_limit_loses_only_its_own_oldest(service: Service) -> None:
    with Peers(service, PEER_CONNECTIONS, b"") as greedy, service.connect(greedy.source) as newest:
        assert closed_after(greedy.all[0], 2)
        newest.sendall(GREETING)
        assert b"200 OK" in newest.recv(4096)
        assert service.healthy()


def test_at_the_total_limit_the_oldest_idle_connection_is_closed(service: Service) -> None:
    with Peers(service, CONNECTIONS, b"", sources=5) as greedy:
        assert service.healthy()
        assert closed_after(greedy.all[0], 2)


def test_peers_whose_streams_use_all_their_connections_leave_room_for_others(service: Service) -> None:
    said = b"GET /stream HTTP/1.1\r\nHost: s\r\n\r\n"
    with Peers(service, PEER_CONNECTIONS, said) as greedy:
        assert all(b"begun" in read_until(each, b"begun") for each in greedy.all)
        with service.connect(greedy.source) as refused:
            assert closed_after(refused, 2)
        assert service.healthy()


def test_metrics_have_their_own_port_and_the_same_limits(service: Service) -> None:
    metrics = int(service.url.rpartition(":")[2])
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", metrics), 10)) for _ in range(20)]
        for each in slow:
            each.sendall(b"G")
        assert "served_total" in requests.get(f"{service.url}/metrics", timeout=5).text
        assert "served_total" not in requests.get(f"http://127.0.0.1:{service.port}/metrics", timeout=5).text
        assert all(closed_after(each, 5) for each in slow)


def test_handshakes_that_are_never_completed_delay_nobody(encrypted: Service, certificate: Path) -> None:
    with Peers(encrypted, 30, b"\x16") as peers:
        assert tls_healthy(encrypted)
        assert all(closed_after(each, 5) for each in peers.all)


def tls_healthy(service: Service) -> bool:
    answer = requests.get(f"https://127.0.0.1:{service.port}/healthz", timeout=5, verify=False, headers=CLOSE)
    return answer.text == "ok"


pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


def test_a_renewed_certificate_is_served_to_the_next_connection(encrypted: Service, certificate: Path) -> None:
    before = ssl.get_server_certificate(("127.0.0.1", encrypted.port))
    write_certificate(certificate)
    assert ssl.get_server_certificate(("127.0.0.1", encrypted.port)) != before


def test_at_shutdown_open_requests_are_answered_and_streams_ended() -> None:
    with Service() as service, service.connect() as stream, service.connect() as request:
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: s\r\n\r\n")
        read_until(stream, b"begun")
        request.sendall(b"GET /wait HTTP/1.1\r\nHost: s\r\n\r\n")
        wait_until(lambda: service.metric("store_service_oldest_request_seconds") > 0, "the request waits")
        began = time.monotonic()
        service.processes[0].stop()
        assert b"ended" in read_until(stream, b"ended")
        assert b"waited" in read_until(request, b"waited")
        assert time.monotonic() - began < 10  # and not gunicorn's 15 s, after which it kills
        assert "stopped" in service.log()
