"""Forward mails to the mail server: one connection per mail, which ends in time whatever that server does."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from .limits import CONNECT_SECONDS
from .settings import Credentials

LONGEST_WORDS = 300


@dataclass(frozen=True)
class Reply:
    """A server's reply to a mail: an SMTP code, and the text on one line."""

    code: int
    words: str

    @property
    def taken(self) -> bool:
        """Whether the server has accepted the mail."""
        return self.code // 100 == 2


class Unavailable(Exception):
    """The server is unreachable, or rejects the sign-in. The message is for the platform's operators."""


class Interrupted(Exception):
    """A delivery ended before the server's final reply. The message is for the platform's operators."""


class Upstream:
    """The server that mails are forwarded to.

    :param server: host, port and tls.
    :param credentials: returns the current credentials.
    """

    def __init__(self, server: Mapping[str, Any], credentials: Callable[[], Credentials], domain: str) -> None:
        self.server, self.credentials, self.domain = server, credentials, domain

    def check(self) -> None:
        """Sign in and disconnect. Blocks.

        :raise Unavailable: that does not work.
        """
        with self._connection(CONNECT_SECONDS, Unavailable):
            pass

    def send(self, sender: str, recipients: Sequence[str], content: bytes, end: float) -> Reply:
        """Forward a mail, to all of its recipients or to none. Blocks.

        :param end: the deadline, by the monotonic clock.
        :return: the server's reply to the mail, or to the first recipient that it refuses.
        :raise Unavailable, Interrupted: it has not replied.
        """
        with self._connection(end - time.monotonic(), Interrupted) as smtp:
            answer = _said(*smtp.mail(sender, _options(smtp, content)))
            for recipient in recipients:
                answer = _said(*smtp.rcpt(recipient)) if answer.taken else answer
            if answer.taken:
                try:
                    answer = _said(*smtp.data(content))
                except smtplib.SMTPDataError as error:
                    answer = _said(error.smtp_code, error.smtp_error)
            return answer

    @contextmanager
    def _connection(self, seconds: float, late: type[Exception]) -> Iterator[smtplib.SMTP]:
        """Return a connection that is signed in and ends after that many seconds.

        Later failures are raised as ``late``.
        """
        given = self.credentials()
        connection = _Connection(self.server, _context(given), min(seconds, CONNECT_SECONDS), self.domain)
        watch = threading.Timer(max(0.0, seconds), connection.end)
        watch.daemon = True
        watch.start()
        failure: type[Exception] = Unavailable
        try:
            connection.open(given)
            failure = late
            # The watchdog limits the total time.
            connection.wait_for_ever()
            yield connection
        except UnicodeError:
            raise Unavailable("the user name and the password must be ASCII") from None
        except (OSError, smtplib.SMTPException) as error:
            words = "it did not answer in time" if connection.ended else _words(error)
            raise failure(_without(words, given)) from None
        finally:
            watch.cancel()
            connection.leave()


class _Connection(smtplib.SMTP):
    """A connection that another thread can end, whatever it waits for."""

    def __init__(self, server: Mapping[str, Any], context: ssl.SSLContext, timeout: float, domain: str) -> None:
        super().__init__(local_hostname=domain, timeout=timeout)
        self.server, self.context, self.ended = server, context, False
        self._host = server["host"]
        # A TLS socket can't be closed by another thread during its handshake; this is a duplicate of the underlying
        # one.
        self._wire: socket.socket | None = None

    def open(self, given: Credentials) -> None:
        """Connect, encrypt and sign in.

        :raise OSError, SMTPException: that does not work.
        """
        code, words = self.connect(self.server["host"], self.server["port"])
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if self.server["tls"] == "starttls":
            self.starttls(context=self.context)
        self.ehlo_or_helo_if_needed()
        if given.username:
            self.login(given.username, given.password)

    def wait_for_ever(self) -> None:
        """Remove the socket's own timeout: the watchdog limits the total time."""
        if self.sock is not None:
            self.sock.settimeout(None)

    def end(self) -> None:
        """Make whatever it waits for fail."""
        self.ended = True
        if self._wire is not None:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Close it without waiting for a reply."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                self.sock.settimeout(1)
                self.putcmd("quit")
        self.close()
        if self._wire is not None:
            self._wire.close()

    def getreply(self) -> tuple[int, bytes]:
        """Like the base class, but an incomplete line is not a reply: smtplib would accept "250" of "250-..."."""
        if self.file is None and self.sock is not None:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = socket.create_connection((host, port), timeout)
        self._wire = made.dup()
        if self.ended:
            made.close()
            raise TimeoutError
        return self.context.wrap_socket(made, server_hostname=host) if self.server["tls"] == "tls" else made


class _WholeLines:
    """Return only complete lines of a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.close = file.close

    def readline(self, size: int) -> bytes:
        """Return the next line; empty if it is incomplete."""
        line = self.file.readline(size)
        return line if line.endswith(b"\n") or len(line) == size else b""


def _context(given: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if given.ca:
        try:
            context.load_verify_locations(cadata=given.ca)
        except (OSError, ValueError):
            raise Unavailable("ca.crt must contain certificates in PEM") from None
    return context


def _options(smtp: smtplib.SMTP, content: bytes) -> list[str]:
    eight_bits = not content.isascii() and smtp.has_extn("8bitmime")
    return [*([f"size={len(content)}"] if smtp.has_extn("size") else []), *(["body=8bitmime"] if eight_bits else [])]


def _said(code: int, words: bytes | str) -> Reply:
    return Reply(code, _line(words.decode("ascii", "replace") if isinstance(words, bytes) else words))


def _line(text: str) -> str:
    """Return a server's text as one line of printable ASCII, because it becomes a line of our reply."""
    return re.sub(r"[^!-~]+", " ", text).strip()[:LONGEST_WORDS]


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_said(0, error.smtp_error).words}"
    return _line(str(error)) or type(error).__name__


def _without(words: str, given: Credentials) -> str:
    return words.replace(given.password, "(hidden)") if given.password else words
