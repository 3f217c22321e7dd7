"""A mail server on this machine: aiosmtpd, with TLS, a password, and a mailbox that tests read."""

from __future__ import annotations

import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ..cluster.processes import free_ports
from ..cluster.waiting import wait_until

HOST, USER = "localhost", "the-shop"


class MailServer:
    """Runs between ``start`` and ``stop``, and again.

    :param tls: "starttls"; "tls" from the start; or "none", where it asks for no password.
    """

    def __init__(self, password: str, tls: str = "starttls") -> None:
        (self.port,) = free_ports(1)
        self.password, self.tls = password, tls
        self.authority = trustme.CA()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(HOST).configure_cert(self._context)
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.refused: set[str] = set()
        self._controller: Controller | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What a shop is given of it."""
        return {
            "provider": "smtp",
            "host": HOST,
            "port": str(self.port),
            "username": USER,
            "password": self.password,
            "from": "shop@mail.example.com",
        }

    @property
    def certificate(self) -> str:
        """The authority's certificate that the server's is signed by, as PEM."""
        return self.authority.cert_pem.bytes().decode()

    def start(self) -> None:
        """Take mails."""
        self._controller = _Controller(self)
        self._controller.start()

    def stop(self) -> None:
        """Take none: whoever connects is refused."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def to(self, address: str, part_of_subject: str = "") -> list[EmailMessage]:
        """The mails that somebody has got."""
        return [m for m in self.mails if m["X-Rcpt"] == address and part_of_subject in str(m["Subject"])]

    def await_mail(self, address: str, part_of_subject: str = "", timeout: float = 240) -> EmailMessage:
        """The first mail of somebody's with that subject, once it is there."""
        what = f"a mail to {address} with {part_of_subject!r} comes"
        wait_until(lambda: self.to(address, part_of_subject), what, timeout)
        return self.to(address, part_of_subject)[0]

    # What aiosmtpd asks of its handler.

    async def handle_MAIL(self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 (aiosmtpd's name)
        """Take a sender who has signed in."""
        if self.tls != "none" and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 (aiosmtpd's name)
        """Take a recipient, or refuse one for now."""
        if address in self.refused:
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Put a mail into the mailbox of each of its recipients."""
        for address in envelope.rcpt_tos:
            mail = message_from_bytes(envelope.original_content or b"", policy=default)
            mail["X-Rcpt"] = address
            self.mails.append(mail)
            self.encrypted.append(session.ssl is not None or self.tls == "tls")
        return "250 OK"

    def authenticate(self, *asked: Any) -> AuthResult:
        """Whether the user's name and password are these."""
        given = asked[-1]
        known = isinstance(given, LoginPassword) and given == LoginPassword(USER.encode(), self.password.encode())
        return AuthResult(success=known, handled=False)


class _Controller(Controller):
    def __init__(self, server: MailServer) -> None:
        self.owner = server
        context = server._context if server.tls == "tls" else None
        super().__init__(server, hostname="127.0.0.1", port=server.port, ssl_context=context)

    def factory(self) -> SMTP:
        """A connection's protocol."""
        server = self.owner
        starttls = server.tls == "starttls"
        return SMTP(
            server,
            hostname=HOST,
            tls_context=server._context if starttls else None,
            require_starttls=starttls,
            auth_require_tls=starttls,
            authenticator=server.authenticate,
        )


def texts(mail: EmailMessage) -> tuple[str, str]:
    """Its text and its HTML."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()
