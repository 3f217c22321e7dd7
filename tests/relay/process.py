"""The platform's mail relay as shipped, as a process of this machine."""

from __future__ import annotations

import contextlib
import os
import smtplib
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import trustme
import yaml

from storeplatform.common.mail import Account, platform_account, store_account
from storeplatform.hooks.core.integrations import relay_fields
from storeplatform.hooks.settings import load_settings
from storeplatform.templates import ENGINES

from ..cluster.processes import Process, free_ports
from ..cluster.waiting import wait_until
from ..shop.mail_server import HOST, USER
from ..shop.mailbox import MailServer
from ..values import settings_of, write_settings

DOMAIN = "mail.example.com"
KEY = b"a relay key for tests, the same in every run"


class Relay:
    """Runs between ``start`` and ``stop``, repeatedly.

    :param folder: for its files.
    :param server: host, port and tls of the mail server.
    :param ca: PEM certificate of the authority that signed that server's certificate.
    :param mails_per_hour: the limit per store.
    """

    def __init__(self, folder: Path, server: dict[str, Any], ca: str = "", mails_per_hour: int = 1000) -> None:
        self.folder = folder
        self.port, metrics = free_ports(2)
        self.url = f"http://127.0.0.1:{metrics}"
        self.authority = trustme.CA()
        for name in ("certificate", "credentials"):
            (folder / name).mkdir()
        issued = self.authority.issue_cert(HOST)
        issued.private_key_pem.write_to_path(folder / "certificate" / "tls.key")
        issued.cert_chain_pems[0].write_to_path(folder / "certificate" / "tls.crt")
        (folder / "key").write_bytes(KEY)
        (folder / "ca.crt").write_text(self.certificate)
        (folder / "credentials" / "ca.crt").write_text(ca)
        mail = {"senderDomain": DOMAIN, "mailsPerHour": mails_per_hour}
        write_settings("hooks", folder / "settings.yaml", {"mail": mail})
        settings = {**settings_of("relay"), "server": server}
        (folder / "relay-settings.yaml").write_text(yaml.safe_dump(settings))
        environment = {
            **os.environ,
            "STORE_PLATFORM_BIND": f"127.0.0.1:{self.port}",
            "STORE_PLATFORM_METRICS_BIND": self.url.removeprefix("http://"),
            "STORE_PLATFORM_SETTINGS": str(folder / "settings.yaml"),
            "STORE_PLATFORM_RELAY_SETTINGS": str(folder / "relay-settings.yaml"),
            "STORE_PLATFORM_RELAY_KEY_FILE": str(folder / "key"),
            "STORE_PLATFORM_RELAY_CREDENTIALS": str(folder / "credentials"),
            "STORE_PLATFORM_RELAY_CERTIFICATE": str(folder / "certificate"),
        }
        command = [sys.executable, "-W", "error", "-m", "storeplatform.api.relay"]
        self.process = Process("the relay", command, folder / "log", environment)

    @property
    def certificate(self) -> str:
        """The PEM certificate of the authority that signed the relay's certificate."""
        return self.authority.cert_pem.bytes().decode()

    @property
    def log(self) -> str:
        """Its log."""
        return (self.folder / "log").read_text()

    def fields_of(self, store: str, reply_to: str) -> dict[str, str]:
        """Return the fields of a store's Secret for it, without host and port."""
        settings = load_settings(
            self.folder / "settings.yaml",
            ENGINES,
            self.folder / "key",
            relay_files=(self.folder / "key", self.folder / "ca.crt"),
        )
        given = relay_fields(settings, store, "uid-1", reply_to)
        return {**given, "host": HOST, "port": str(self.port)}

    def sign_in_as(self, password: str, username: str = USER) -> None:
        """Set its credentials for the mail server."""
        (self.folder / "credentials" / "username").write_text(username)
        (self.folder / "credentials" / "password").write_text(password)

    def start(self) -> None:
        """Accept mails."""
        self.process.start()
        wait_until(self._listens, "the relay listens", 60, stop_if=self.process.failure)

    def stop(self) -> None:
        """Kill it as a failing node would."""
        self.process.kill()

    def metric(self, name: str) -> float:
        """Return the value of the sample with that prefix; 0 if there is none."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def await_ready(self, ready: bool = True) -> None:
        """Wait until it has noticed that the mail server works, or does not."""
        wait_until(lambda: self.metric("store_relay_server_ready") == ready, "it has asked the mail server", 60)

    def connect(self) -> smtplib.SMTP_SSL:
        """Return a client that trusts it, and is not signed in."""
        context = ssl.create_default_context(cadata=self.certificate)
        return smtplib.SMTP_SSL(HOST, self.port, context=context, timeout=60)

    def sign_in(self, account: Account) -> smtplib.SMTP_SSL:
        """Return a client that is signed in with that account."""
        client = self.connect()
        client.login(account.username, account.password)
        return client

    def raw(self) -> ssl.SSLSocket:
        """Return a connection over which the caller sends every byte."""
        context = ssl.create_default_context(cadata=self.certificate)
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return context.wrap_socket(wire, server_hostname=HOST)

    def _listens(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10):
            return True


def account(name: str, uid: str = "uid-1") -> Account:
    """Return a store's account, as the hooks give it to the store."""
    return store_account(KEY, name, uid, DOMAIN)


PLATFORM = platform_account(KEY, DOMAIN)


def mail(sender: str, subject: str = "Your order", message_id: str = "", more: str = "") -> bytes:
    """Return a mail from that address, with SMTP's line endings."""
    identity = f"Message-ID: <{message_id}@{DOMAIN}>\r\n" if message_id else ""
    return f"From: A shop <{sender}>\r\nSubject: {subject}\r\n{identity}{more}\r\nHello!\r\n".encode()


@contextlib.contextmanager
def relay_to(server: MailServer) -> Iterator[Relay]:
    """Yield a running relay that forwards to that test server, and has noticed that it works."""
    parameters = {"host": HOST, "port": server.port, "tls": "starttls"}
    with (
        tempfile.TemporaryDirectory(prefix="store-relay-") as folder,
        relay(Path(folder), parameters, server.password, ca=server.certificate) as made,
    ):
        made.await_ready()
        yield made


@contextlib.contextmanager
def relay(folder: Path, server: dict[str, Any], password: str, **options: Any) -> Iterator[Relay]:
    """Run a relay during the context."""
    made = Relay(folder, server, **options)
    made.sign_in_as(password)
    made.start()
    try:
        yield made
    finally:
        made.stop()
