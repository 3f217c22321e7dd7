"""A mail server on this machine, with TLS, a password, and a mailbox that tests read."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import trustme

from ..cluster.processes import Process, free_ports
from ..cluster.waiting import wait_until
from .mail_server import HOST, USER

PROGRAM = Path(__file__).with_name("mail_server.py")


class MailServer:
    """Runs between ``start`` and ``stop``, repeatedly.

    :param folder: for its mails.
    :param tls: "starttls"; "tls" from the start; or "none", which also needs no password.
    :param address: to listen on, if not the loopback address.
    """

    def __init__(self, folder: Path, password: str, tls: str = "starttls", address: str = "") -> None:
        (self.port,) = free_ports(1)
        self.folder, self.address, self.host = folder, address or "127.0.0.1", address or HOST
        self.authority = trustme.CA()
        (folder / "mails").mkdir()
        (folder / "settings.json").write_text(json.dumps({"address": self.address, "port": self.port, "tls": tls}))
        issued = self.authority.issue_cert(self.host)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        self.rule(password)
        self._process = Process("mail server", [sys.executable, "-P", str(PROGRAM), str(folder)], folder / "log")

    def rule(self, password: str, refused: Collection[str] = ()) -> None:
        """From now on, use this password, and refuse mails to these addresses temporarily."""
        self.password = password
        partial = self.folder / "rules.json.partial"
        partial.write_text(json.dumps({"password": password, "refused": [*refused]}))
        partial.rename(self.folder / "rules.json")

    @property
    def fields(self) -> dict[str, str]:
        """Return a shop's fields for it."""
        return {
            "provider": "smtp",
            "host": self.host,
            "port": str(self.port),
            "username": USER,
            "password": self.password,
            "from": "shop@mail.example.com",
        }

    @property
    def certificate(self) -> str:
        """The PEM certificate of the authority that signed the server's certificate."""
        return self.authority.cert_pem.bytes().decode()

    def start(self) -> None:
        """Accept mails."""
        self._process.start()
        wait_until(self._takes_connections, "the mail server listens", 60, stop_if=self._process.failure)

    def stop(self) -> None:
        """Stop: connections are refused."""
        self._process.kill()

    def to(self, address: str, part_of_subject: str = "") -> list[EmailMessage]:
        """Return the mails to a recipient, oldest first."""
        return [m for m in self.mails() if m["X-Recipient"] == address and part_of_subject in str(m["Subject"])]

    def mails(self) -> list[EmailMessage]:
        """Return all mails, oldest first; the server adds ``X-Recipient`` and ``X-Encrypted`` ("True", "False")."""
        files = sorted((self.folder / "mails").iterdir())
        return [message_from_bytes(file.read_bytes(), policy=default) for file in files]

    def await_mail(self, address: str, part_of_subject: str = "", timeout: float = 240) -> EmailMessage:
        """Return the first mail to a recipient with that subject, once it has arrived."""
        what = f"a mail to {address} with {part_of_subject!r} comes"
        return wait_until(lambda: self.to(address, part_of_subject), what, timeout)[0]

    def _takes_connections(self) -> bool:
        with socket.create_connection((self.address, self.port), timeout=10):
            return True


@contextmanager
def mail_server(password: str) -> Iterator[MailServer]:
    """Run a mail server during the context."""
    with tempfile.TemporaryDirectory(prefix="store-mailbox-") as folder:
        server = MailServer(Path(folder), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def texts(mail: EmailMessage) -> tuple[str, str]:
    """Return its text and its HTML."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()
