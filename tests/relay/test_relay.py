"""The mail relay forwards what stores send, restricts each to its address and rate, and loses and repeats nothing."""

from __future__ import annotations

import base64
import contextlib
import smtplib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from storeplatform.api.relay.settings import Credentials
from storeplatform.api.relay.upstream import Unavailable, Upstream
from storeplatform.common.mail import Account

from ..cluster.processes import free_ports
from ..cluster.waiting import wait_until
from ..shop.mailbox import MailServer, mail_server
from .process import PLATFORM, Relay, account, mail, relay

PASSWORD, NEXT_PASSWORD = "the-pr0viders-passw0rd", "the-pr0viders-next-passw0rd"
RATE = 40
DEMO, OTHER = account("demo"), account("other")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """A provider's mail server: STARTTLS, and a password."""
    with mail_server(PASSWORD) as made:
        yield made


def parameters(server: MailServer, tls: str = "starttls") -> dict[str, object]:
    return {"host": "localhost", "port": server.port, "tls": tls}


@pytest.fixture(scope="module")
def running(server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """A relay to that server."""
    folder = tmp_path_factory.mktemp("relay")
    with relay(folder, parameters(server), PASSWORD, ca=server.certificate, mails_per_hour=RATE) as made:
        made.await_ready()
        yield made


def send(via: Relay, of: Account, to: str, content: bytes | None = None) -> dict[str, tuple[int, bytes]]:
    """Send a mail as a store does."""
    with via.sign_in(of) as client:
        return client.sendmail(of.sender, [to], content or mail(of.sender))


def refusal(via: Relay, of: Account, content: bytes, *to: str) -> tuple[int, str]:
    """Return the relay's reply to a mail that it rejects."""
    with via.sign_in(of) as client, pytest.raises(smtplib.SMTPDataError) as error:
        client.sendmail(of.sender, to or ("ann@example.com",), content)
    return error.value.smtp_code, bytes(error.value.smtp_error).decode()


class Dripping(threading.Thread):
    """A mail server that accepts a mail's content, and then sends one byte of its reply now and then, forever."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", *free_ports(1)))
        self.contents = 0
        self.ended = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            client.sendall(b"220 ready\r\n")
            for line in lines:
                word = line[:4].upper().strip()
                client.sendall(b"354 go\r\n" if word == b"DATA" else b"250 fine\r\n")
                if word == b"DATA":
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    self.contents += 1
                    while not self.ended.wait(0.5):
                        client.sendall(b"2")


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for slow work that runs beside other tests."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture(scope="module", autouse=True)
def silent(running: Relay) -> Iterator[list[socket.socket]]:
    """More idle connections from one address than it may have."""
    with contextlib.ExitStack() as held:
        made = [held.enter_context(socket.socket()) for _ in range(80)]
        for wire in made:
            wire.bind(("127.0.0.3", 0))
            wire.connect(("127.0.0.1", running.port))
        yield made


@pytest.fixture(scope="module", autouse=True)
def hanging(threads: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory) -> Future[str]:
    """The log of a relay whose mail server accepts connections and never replies."""

    folder = tmp_path_factory.mktemp("hanging")

    def found() -> str:
        with socket.create_server(("127.0.0.1", *free_ports(1))) as listener:
            server = {"host": "127.0.0.1", "port": listener.getsockname()[1], "tls": "none"}
            with relay(folder, server, "") as made:
                made.await_ready(False)
                return made.log

    return threads.submit(found)


@pytest.fixture(scope="module", autouse=True)
def dripping(threads: ThreadPoolExecutor, tmp_path_factory: pytest.TempPathFactory) -> Future[int]:
    """The relay's reply to a mail whose mail server never completes its reply."""

    folder = tmp_path_factory.mktemp("dripping")

    def found() -> int:
        slow = Dripping()
        slow.start()
        server = {"host": "127.0.0.1", "port": slow.listener.getsockname()[1], "tls": "none"}
        try:
            with relay(folder, server, "") as made:
                made.sign_in_as("", "")
                made.await_ready()
                return refusal(made, DEMO, mail(DEMO.sender))[0]
        finally:
            slow.ended.set()
            slow.listener.close()

    return threads.submit(found)


def token(of: Account) -> str:
    """Return the token for AUTH PLAIN."""
    return base64.b64encode(f"\0{of.username}\0{of.password}".encode()).decode()


def test_a_mail_is_delivered_encrypted_and_names_its_store(running: Relay, server: MailServer) -> None:
    send(running, DEMO, "ann@example.com", mail(DEMO.sender, "Order 1"))
    (found,) = server.to("ann@example.com", "Order 1")
    assert found["From"].addresses[0].addr_spec == "demo@mail.example.com"
    assert found["X-Encrypted"] == "True"
    assert "(store demo)" in found["Received"]
    assert found.get_content().strip() == "Hello!"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (DEMO.username, OTHER.password),
        ("demo/uid-2", DEMO.password),
        ("demo", DEMO.password),
        ("platform", DEMO.password),
        ("", ""),
        ("demo/uid-1\r\nMAIL FROM:<demo@mail.example.com>", DEMO.password),
    ],
)
def test_a_store_can_not_sign_in_with_another_stores_password(running: Relay, username: str, password: str) -> None:
    with running.connect() as client, pytest.raises(smtplib.SMTPAuthenticationError) as error:
        client.login(username, password)
    assert error.value.smtp_code == 535


def test_a_store_named_like_the_platforms_account_has_none(running: Relay) -> None:
    named = account("platform")
    assert named.sender == PLATFORM.sender
    with running.connect() as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(named.username, named.password)


def test_a_mail_without_signing_in_is_rejected(running: Relay) -> None:
    with running.connect() as client:
        client.ehlo()
        assert client.mail(DEMO.sender)[0] == 530
        assert client.docmd("RCPT TO:<ann@example.com>")[0] == 503
        assert client.docmd("DATA")[0] == 503


@pytest.mark.parametrize("sender", [OTHER.sender, "demo@example.com", "", "demo@mail.example.com.example.org"])
def test_a_store_can_not_use_another_envelope_sender(running: Relay, sender: str) -> None:
    with running.sign_in(DEMO) as client:
        assert client.mail(sender)[0] == 550


@pytest.mark.parametrize(
    "header",
    [
        f"From: {OTHER.sender}",
        f"From: {DEMO.sender}, {OTHER.sender}",
        f"From: <{DEMO.sender}> <{OTHER.sender}>",
        f"From: {DEMO.sender}\r\nFrom: {OTHER.sender}",
        f"From: {DEMO.sender}\r\n {OTHER.sender}",
        f"From : {OTHER.sender}",
        f"From: {DEMO.sender}\r\nSender: {OTHER.sender}",
        f"From: {DEMO.sender}\r\nResent-From: {OTHER.sender}",
        f"From: {DEMO.sender}.example.org",
        f"From: x{DEMO.sender}",
        f'From: "{DEMO.sender}" <{OTHER.sender}>',
        f"From: {OTHER.sender} ({DEMO.sender})",
        f"From: group: {DEMO.sender};",
        "From:" + ("\r\n" + " " * 998) * 50 + "x",
        "Subject: no sender",
        f" From: {DEMO.sender}",
        f"From: {DEMO.sender}\r\nno field",
        "",
    ],
)
def test_a_store_can_not_use_another_from_address(running: Relay, header: str) -> None:
    code, words = refusal(running, DEMO, f"{header}\r\n\r\nText\r\n".encode())
    assert code == 550
    assert "5.7.1" in words


@pytest.mark.parametrize(
    "header",
    [
        f"From: {DEMO.sender}",
        f"from:{DEMO.sender.upper()}",
        f"From: Shop <{DEMO.sender}>",
        f'From: "Shop, \\"the best\\" <1@example.com>" <{DEMO.sender}>',
        f"From: =?UTF-8?Q?K=C3=A4se_=26_=3CBrot=3E?=\r\n <{DEMO.sender}>",
        f"From: Shop <{DEMO.sender}>\r\nSender: {DEMO.sender}\r\nReply-To: owner@example.com",
    ],
)
def test_a_shop_may_use_any_display_name(running: Relay, server: MailServer, header: str) -> None:
    before = len(server.mails())
    send(
        running,
        account("names"),
        "ann@example.com",
        f"{header}\r\n\r\nText\r\n".encode().replace(b"demo@", b"names@").replace(b"DEMO@", b"names@"),
    )
    assert len(server.mails()) == before + 1


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r.\r", b"\r\n.\r", b"\0"])
def test_a_mail_hidden_in_another_is_rejected(running: Relay, server: MailServer, end: bytes) -> None:
    hidden = (
        end + b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nFrom: evil@example.com\r\n\r\n"
    )
    with running.raw() as wire, wire.makefile("rb") as answers:

        def say(line: bytes) -> bytes:
            wire.sendall(line)
            while (answer := answers.readline())[3:4] == b"-":
                pass
            return answer

        answers.readline()
        say(b"EHLO shop\r\n")
        assert say(f"AUTH PLAIN {token(DEMO)}\r\n".encode()).startswith(b"235")
        say(b"MAIL FROM:<demo@mail.example.com>\r\n")
        say(b"RCPT TO:<ann@example.com>\r\n")
        say(b"DATA\r\n")
        assert say(mail(DEMO.sender) + hidden + b"\r\n.\r\n").startswith(b"550")
    assert server.to("victim@example.com") == []


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com> SIZE=1",
        "ann",
        "@example.com",
        "a b@example.com",
        "<ann@example.com",
        "ann@exa\tmple.com",
        "@a,@b:ann@c",
        "j\ufffdrgen@example.com",
    ],
)
def test_an_invalid_recipient_is_rejected(running: Relay, recipient: str) -> None:
    with running.sign_in(DEMO) as client:
        client.mail(DEMO.sender)
        client.send(f"RCPT TO:<{recipient}>\r\n".encode())
        assert client.getreply()[0] == 553


def test_recipients_and_bytes_of_a_mail_are_limited(running: Relay) -> None:
    with running.sign_in(account("large")) as client:
        assert client.mail("large@mail.example.com", ["size=99999999"])[0] == 552
        client.mail("large@mail.example.com")
        codes = [client.rcpt(f"{number}@example.com")[0] for number in range(21)]
        assert codes == [250] * 20 + [452]
        client.rset()
        client.mail("large@mail.example.com")
        client.rcpt("ann@example.com")
        code, words = client.data(mail("large@mail.example.com") + (b"x" * 70 + b"\r\n") * 160_000)
        assert code == 552
        assert b"bytes" in words
        client.mail("large@mail.example.com")
        client.rcpt("ann@example.com")
        assert client.data(mail("large@mail.example.com") + b"x" * 100_000 + b".\r\n.\r\n")[0] == 554
        assert client.noop()[0] == 250


def test_a_recipient_rejected_by_the_server_rejects_the_mail_for_all(running: Relay, server: MailServer) -> None:
    server.rule(PASSWORD, refused=["later@example.com"])
    try:
        answer = refusal(running, DEMO, mail(DEMO.sender, "To both"), "ann@example.com", "later@example.com")
    finally:
        server.rule(PASSWORD)
    assert answer == (451, "4.7.1 greylisted, come back later")
    assert server.to("ann@example.com", "To both") == []


def test_a_store_at_its_hourly_limit_has_to_wait_and_others_do_not(running: Relay, server: MailServer) -> None:
    busy = account("busy")
    recipients = [f"{number}@example.com" for number in range(20)]
    with running.sign_in(busy) as client:
        for _ in range(RATE // 20):
            client.sendmail(busy.sender, recipients, mail(busy.sender))
    assert refusal(running, busy, mail(busy.sender)) == (
        450,
        "4.7.1 this store has reached its limit of mails per hour: try again later",
    )
    # Another store of that name, created after this one was deleted.
    assert refusal(running, account("busy", "uid-2"), mail(busy.sender))[0] == 450
    send(running, OTHER, "ann@example.com", mail(OTHER.sender, "Not busy"))
    assert len(server.to("ann@example.com", "Not busy")) == 1


def test_a_mail_sent_again_with_its_message_id_is_not_repeated(running: Relay, server: MailServer) -> None:
    content = mail(DEMO.sender, "Once", message_id="order-1")
    for _ in range(2):
        send(running, DEMO, "ann@example.com", content)
    send(running, DEMO, "ben@example.com", content)
    assert len(server.to("ann@example.com", "Once")) == 1
    assert len(server.to("ben@example.com", "Once")) == 1
    send(running, OTHER, "ann@example.com", mail(OTHER.sender, "Once", message_id="order-1"))
    assert len(server.to("ann@example.com", "Once")) == 2


def test_a_client_that_leaves_before_the_reply_sends_its_mail_once(running: Relay, server: MailServer) -> None:
    content = mail(DEMO.sender, "Impatient", message_id="order-2")
    client = running.sign_in(DEMO)
    client.mail(DEMO.sender)
    client.rcpt("ann@example.com")
    client.docmd("DATA")
    client.send(content + b".\r\n")
    client.close()
    send(running, DEMO, "ann@example.com", content)
    assert len(server.to("ann@example.com", "Impatient")) == 1


def test_the_platforms_own_mails_have_its_address(running: Relay, server: MailServer) -> None:
    send(running, PLATFORM, "ann@example.com", mail(PLATFORM.sender, "Expiring"))
    (found,) = server.to("ann@example.com", "Expiring")
    assert found["From"].addresses[0].addr_spec == "platform@mail.example.com"


def test_an_unavailable_server_is_reported_and_mails_pass_once_it_is_back(running: Relay, server: MailServer) -> None:
    server.stop()
    try:
        code, words = refusal(running, DEMO, mail(DEMO.sender, "Later"))
        assert code == 451
        assert str(server.port) not in words
        running.await_ready(False)
        with running.connect() as client, pytest.raises(smtplib.SMTPAuthenticationError) as error:
            client.login(DEMO.username, DEMO.password)
        assert error.value.smtp_code == 454
    finally:
        server.start()
    running.await_ready()
    send(running, DEMO, "ann@example.com", mail(DEMO.sender, "Later"))
    assert len(server.to("ann@example.com", "Later")) == 1


def test_a_new_password_of_the_server_is_used_without_a_restart(running: Relay, server: MailServer) -> None:
    server.rule(NEXT_PASSWORD)
    try:
        assert refusal(running, DEMO, mail(DEMO.sender))[0] == 451
        running.await_ready(False)
        running.sign_in_as(NEXT_PASSWORD)
        running.await_ready()
        send(running, DEMO, "ann@example.com", mail(DEMO.sender, "With the next"))
        assert len(server.to("ann@example.com", "With the next")) == 1
    finally:
        server.rule(PASSWORD)
        running.sign_in_as(PASSWORD)


@pytest.mark.parametrize(
    ("password", "ca", "words"),
    [("päss", "", "must be ASCII"), (PASSWORD, "no certificate", "ca.crt must contain"), ("wrong", "", "535 5.7.8")],
)
def test_unusable_credentials_are_named_and_end_nothing(server: MailServer, password: str, ca: str, words: str) -> None:
    given = Credentials("the-shop", password, ca or server.certificate)
    with pytest.raises(Unavailable, match=words) as error:
        Upstream(parameters(server), lambda: given, "mail.example.com").check()
    assert password not in str(error.value)


def test_no_password_and_no_error_is_in_the_log(running: Relay) -> None:
    words = (PASSWORD, NEXT_PASSWORD, DEMO.password, "ann@example.com", "Traceback", "Warning")
    assert [word for word in words if word in running.log] == []


def test_many_connections_of_one_store_leave_room_for_others(running: Relay, server: MailServer) -> None:
    running.await_ready()
    greedy = account("greedy")
    with contextlib.ExitStack() as held:
        for _ in range(8):
            held.enter_context(running.sign_in(greedy))
        with running.connect() as client:
            client.ehlo()
            assert client.docmd("AUTH", f"PLAIN {token(greedy)}")[0] == 421
        # A client that holds its store's turn with a mail that never ends blocks no other store.
        client = held.enter_context(running.sign_in(account("endless")))
        client.mail("endless@mail.example.com")
        client.rcpt("ann@example.com")
        client.docmd("DATA")
        client.send(b"From: endless@mail.example.com\r\n")
        # Nor do several that fill the memory for large mails, and never complete them.
        for number in range(6):
            large = held.enter_context(running.sign_in(account(f"large-{number}")))
            large.mail(f"large-{number}@mail.example.com")
            large.rcpt("ann@example.com")
            large.docmd("DATA")
            large.send((b"x" * 70 + b"\r\n") * 140_000)
            held.callback(large.close)
        with ThreadPoolExecutor(8) as shops:
            sent = [shops.submit(send, running, account(f"shop-{n}"), "ann@example.com") for n in range(16)]
            assert [each.result() for each in sent] == [{}] * 16
        client.close()


def test_idle_connections_of_one_address_leave_room_and_time_out(running: Relay, silent: list[socket.socket]) -> None:
    with running.connect() as client:
        assert client.noop()[0] == 250
    for wire in silent:
        wire.settimeout(120)
    assert [wire.recv(1) for wire in silent] == [b""] * len(silent)


def test_a_server_that_never_replies_is_reported(hanging: Future[str]) -> None:
    assert "did not answer in time" in hanging.result()


def test_a_server_that_never_completes_its_reply_defers_the_mail(dripping: Future[int]) -> None:
    assert dripping.result() == 451


def test_a_relay_that_is_stopped_first_answers_the_mail_in_progress(server: MailServer, tmp_path: Path) -> None:
    with relay(tmp_path, parameters(server), PASSWORD, ca=server.certificate) as made:
        made.await_ready()
        idle, client = made.sign_in(OTHER), made.sign_in(DEMO)
        client.mail(DEMO.sender)
        client.rcpt("ann@example.com")
        client.docmd("DATA")
        made.process._popen.terminate()  # type: ignore[union-attr]
        wait_until(lambda: not _takes(made), "it takes no more connections", 60)
        client.send(mail(DEMO.sender, "The last") + b".\r\n")
        assert client.getreply()[0] == 250
        assert made.process.await_end(60)
        idle.close()
        client.close()
    assert len(server.to("ann@example.com", "The last")) == 1


def _takes(made: Relay) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", made.port), timeout=10):
            return True
    except OSError:
        return False
