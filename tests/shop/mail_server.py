"""A mail server in its own process: aiosmtpd leaves connections open when it is stopped inside another process.

    python -P mail_server.py FOLDER

The folder is the only interface: ``settings.json`` (``address``, ``port``, ``tls``), ``rules.json``, which is read for
each decision (``password``, ``refused`` recipients), ``server.pem`` (key and certificate), and ``mails``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST, USER = "localhost", "the-shop"


class Mailbox:
    """Decides by the rules, and stores each mail in a file per recipient."""

    def __init__(self, folder: Path, tls: str) -> None:
        self.folder, self.tls = folder, tls

    @property
    def rules(self) -> dict[str, Any]:
        """Return the current rules."""
        return dict(json.loads((self.folder / "rules.json").read_text()))

    async def handle_MAIL(self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 (aiosmtpd's name)
        """Accept a sender who has signed in."""
        if self.tls != "none" and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 (aiosmtpd's name)
        """Accept a recipient, or refuse one temporarily."""
        if address in self.rules["refused"]:
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Store a mail for each of its recipients."""
        encrypted = session.ssl is not None or self.tls == "tls"
        for address in envelope.rcpt_tos:
            head = f"X-Recipient: {address}\r\nX-Encrypted: {encrypted}\r\n".encode()
            mails = self.folder / "mails"
            number = len(list(mails.iterdir()))
            partial = self.folder / "partial"
            partial.write_bytes(head + (envelope.original_content or b""))
            partial.rename(mails / f"{number:06}.eml")
        return "250 OK"

    def authenticate(self, *asked: Any) -> AuthResult:
        """Whether the user name and password are correct."""
        given = asked[-1]
        right = LoginPassword(USER.encode(), self.rules["password"].encode())
        return AuthResult(success=isinstance(given, LoginPassword) and given == right, handled=False)


async def serve(folder: Path) -> None:
    """Accept mails until the process is stopped."""
    settings = json.loads((folder / "settings.json").read_text())
    mailbox = Mailbox(folder, settings["tls"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem")
    starttls = settings["tls"] == "starttls"

    def connection() -> SMTP:
        return SMTP(
            mailbox,
            hostname=HOST,
            enable_SMTPUTF8=True,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_require_tls=starttls,
            authenticator=mailbox.authenticate,
        )

    at_once = context if settings["tls"] == "tls" else None
    server = await asyncio.get_running_loop().create_server(
        connection, settings["address"], settings["port"], ssl=at_once
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
