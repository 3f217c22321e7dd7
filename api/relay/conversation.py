"""The server side of SMTP (RFC 5321, 4954) for one client: only the part of the protocol that stores' pods use."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Callable
from contextlib import AsyncExitStack

from storeplatform.common.mail import Account

from .desk import BUSY, Desk, TooMany
from .limits import (
    COMMAND_SECONDS,
    CONNECTION_SECONDS,
    CONTENT_SECONDS,
    LINE_BYTES,
    MAIL_BYTES,
    MAIL_SECONDS,
    MISTAKES,
    RECIPIENTS,
    SIGN_IN_SECONDS,
    SIGN_INS,
    SMALL_BYTES,
)
from .upstream import Reply

_SENDER = re.compile(r"FROM: ?<([^<>\s]{0,256})>((?: [A-Za-z0-9-]+(?:=[!-<>-~]+)?)*)", re.IGNORECASE)
_RECIPIENT = re.compile(
    r"TO: ?<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}[.])*[A-Za-z0-9-]{1,63})>", re.IGNORECASE
)

_NOT_UNDERSTOOD = Reply(502, "5.5.1 this command is not understood")
_NOTHING = Reply(250, "2.0.0 nothing done")
_TOO_LARGE = Reply(552, f"5.3.4 a mail may have at most {MAIL_BYTES} bytes")
_LONG_LINE = Reply(554, f"5.6.0 a line may have at most {LINE_BYTES} bytes")


class Ended(Exception):
    """The client has disconnected, or must be disconnected."""


class LineTooLong(Exception):
    """A line exceeds its limit; it was skipped."""


class Conversation:
    """One client's SMTP session.

    :param account_of: returns the account of a user name, None if there is none.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        desk: Desk,
        account_of: Callable[[str], Account | None],
    ) -> None:
        self.reader, self.writer, self.desk, self.account_of = reader, writer, desk, account_of
        self.account: Account | None = None
        self.greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._mistakes = self._sign_ins = 0
        self._in_mail = self._leaving = False
        # The context that counts this connection as its store's, entered when the client has signed in.
        self._presence = AsyncExitStack()

    def leave(self) -> bool:
        """End the session once the mail in progress is answered; return whether there is one."""
        self._leaving = True
        return self._in_mail

    async def run(self) -> None:
        """Reply until the client disconnects.

        :raise TimeoutError: it takes too long.
        :raise OSError: the connection is lost.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.timeout_at(begun + SIGN_IN_SECONDS) as self._timeout, self._presence:
            try:
                await self._say(220, f"{self.desk.upstream.domain} ESMTP")
                while not self._leaving:
                    await self._one_command()
                    if self.account:
                        self._timeout.reschedule(begun + CONNECTION_SECONDS)
            except (Ended, asyncio.IncompleteReadError):
                return

    async def _one_command(self) -> None:
        try:
            line = await self._line(COMMAND_SECONDS)
            word, _, rest = line.decode("ascii", "replace").partition(" ")
            command = _COMMANDS.get(word.upper())
            answer = await command(self, rest.strip(" ")) if command else _NOT_UNDERSTOOD
        except LineTooLong:
            answer = Reply(500, "5.5.2 this line is too long")
        if answer.code >= 400 or answer == _NOTHING:
            self._mistakes += 1
            if self._mistakes > MISTAKES:
                answer = Reply(421, "4.7.0 too many commands without a mail")
        await self._say(answer.code, *answer.words.splitlines())
        if answer.code in (221, 421):
            raise Ended

    async def _hello(self, rest: str) -> Reply:
        self._reset()
        self.greeted = True
        lines = (self.desk.upstream.domain, f"SIZE {MAIL_BYTES}", "8BITMIME", "ENHANCEDSTATUSCODES", "AUTH PLAIN LOGIN")
        return Reply(250, "\n".join(lines))

    async def _auth(self, rest: str) -> Reply:
        if not self.greeted or self.account:
            return Reply(503, "5.5.1 sign in once, after EHLO")
        mechanism, _, initial = rest.partition(" ")
        try:
            if mechanism.upper() == "PLAIN":
                _, username, password = _decoded(initial or await self._ask("")).split("\0")
            elif mechanism.upper() == "LOGIN":
                username = _decoded(initial or await self._ask("Username:"))
                password = _decoded(await self._ask("Password:"))
            else:
                return Reply(504, "5.5.4 sign in by PLAIN or LOGIN")
        except ValueError:
            return Reply(501, "5.5.2 these are not a user name and a password")
        account = self.account_of(username)
        if account is None or not hmac.compare_digest(account.password.encode(), password.encode()):
            self._sign_ins += 1
            if self._sign_ins >= SIGN_INS:
                return Reply(421, "4.7.0 too many wrong passwords")
            return Reply(535, "5.7.8 the user name or the password is wrong")
        if not self.desk.ready:
            return Reply(454, "4.7.0 the platform's mail server is unavailable: try again later")
        try:
            await self._presence.enter_async_context(self.desk.present(account))
        except TooMany:
            return Reply(421, "4.7.0 this store has too many connections")
        self.account = account
        return Reply(235, "2.7.0 signed in")

    async def _mail(self, rest: str) -> Reply:
        if self.account is None:
            return Reply(530, "5.7.0 sign in first")
        if self._sender is not None:
            return Reply(503, "5.5.1 finish the current mail first")
        match = _SENDER.fullmatch(rest)
        if match is None:
            return Reply(501, "5.5.4 write MAIL FROM:<address>")
        if match[1].lower() != self.account.sender:
            return Reply(550, f"5.7.1 this store may only send from {self.account.sender}")
        for option in match[2].upper().split():
            name, _, value = option.partition("=")
            if name == "SIZE" and value.isascii() and value.isdigit() and len(value) < 20:
                if int(value) > MAIL_BYTES:
                    return _TOO_LARGE
            elif option not in ("BODY=7BIT", "BODY=8BITMIME"):
                return Reply(555, "5.5.4 this option is not understood")
        self._sender = match[1]
        return Reply(250, "2.1.0 OK")

    async def _rcpt(self, rest: str) -> Reply:
        if self._sender is None:
            return Reply(503, "5.5.1 MAIL first")
        match = _RECIPIENT.fullmatch(rest)
        if match is None:
            return Reply(553, "5.1.3 this recipient address is invalid")
        if len(self._recipients) >= RECIPIENTS:
            return Reply(452, f"4.5.3 a mail may have at most {RECIPIENTS} recipients")
        self._recipients.append(match[1])
        return Reply(250, "2.1.5 OK")

    async def _data(self, rest: str) -> Reply:
        if not self._recipients or rest or self.account is None:
            return Reply(503, "5.5.1 MAIL and RCPT first")
        recipients = self._recipients
        self._reset()
        # A connection that has reached its maximum age is ended only after its mail is answered.
        self._timeout.reschedule(asyncio.get_running_loop().time() + MAIL_SECONDS)
        self._in_mail = True
        try:
            async with self.desk.turn(self.account):
                if not await self.desk.has_room(self.account, len(recipients)):
                    return Reply(450, "4.7.1 this store has reached its limit of mails per hour: try again later")
                await self._say(354, "end the mail with a line that contains only a dot")
                return await self._passed_on(self.account, recipients)
        except TooMany:
            return BUSY
        finally:
            self._in_mail = False

    async def _passed_on(self, account: Account, recipients: list[str]) -> Reply:
        content = bytearray()
        held = 0
        refusal: Reply | None = None
        try:
            async with asyncio.timeout(CONTENT_SECONDS):
                while True:
                    line = await self._whole_line()
                    if line is None:
                        refusal = refusal or _LONG_LINE
                        continue
                    if line == b".\r\n":
                        break
                    line = line.removeprefix(b".")
                    if refusal is None and len(content) + len(line) > MAIL_BYTES:
                        refusal = _TOO_LARGE
                    large = max(0, len(content) + len(line) - SMALL_BYTES) - held
                    if refusal is None and not self.desk.hold(large):
                        refusal = Reply(452, "4.3.1 too many large mails at the same time: try again later")
                    if refusal is None:
                        held += large
                        content += line
                    else:
                        content.clear()
            return refusal or await self.desk.deliver(account, recipients, bytes(content))
        finally:
            self.desk.hold(-held)

    async def _rset(self, rest: str) -> Reply:
        self._reset()
        return Reply(250, "2.0.0 OK")

    async def _noop(self, rest: str) -> Reply:
        return _NOTHING

    async def _quit(self, rest: str) -> Reply:
        return Reply(221, "2.0.0 bye")

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    async def _line(self, seconds: float) -> bytes:
        """Return the next line.

        :raise LineTooLong: it was too long.
        """
        async with asyncio.timeout(seconds):
            line = await self._whole_line()
        if line is None:
            raise LineTooLong
        return line.removesuffix(b"\r\n")

    async def _whole_line(self) -> bytes | None:
        """Return the next line with its end; None if it was too long and was skipped."""
        too_long = False
        while True:
            try:
                line = await self.reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as error:
                await self.reader.readexactly(error.consumed)
                too_long = True
                continue
            return None if too_long else line

    async def _ask(self, words: str) -> str:
        await self._say(334, base64.b64encode(words.encode()).decode())
        return (await self._line(COMMAND_SECONDS)).decode("ascii", "replace")

    async def _say(self, code: int, *lines: str) -> None:
        text = "".join(f"{code}{' ' if at == len(lines) - 1 else '-'}{line}\r\n" for at, line in enumerate(lines))
        self.writer.write(text.encode("ascii", "replace"))
        async with asyncio.timeout(COMMAND_SECONDS):
            await self.writer.drain()


def _decoded(text: str) -> str:
    """Decode base64.

    :raise ValueError: it is not text in base64.
    """
    try:
        return base64.b64decode(text, validate=True).decode()
    except binascii.Error as error:
        raise ValueError from error


_COMMANDS = {
    "EHLO": Conversation._hello,
    "HELO": Conversation._hello,
    "AUTH": Conversation._auth,
    "MAIL": Conversation._mail,
    "RCPT": Conversation._rcpt,
    "DATA": Conversation._data,
    "RSET": Conversation._rset,
    "NOOP": Conversation._noop,
    "QUIT": Conversation._quit,
}
