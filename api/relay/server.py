"""Accept connections; each has a time limit, and the number per address is limited."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from storeplatform.common.mail import Account

from .conversation import Conversation
from .desk import Desk
from .limits import ADDRESS_CONNECTIONS, CONNECTIONS, LINE_BYTES, SIGN_IN_SECONDS

# In seconds: certificates are not checked for changes more often than this.
RETRY_SECONDS = 0.2

log = structlog.get_logger("relay")


class Server:
    """The relay's server.

    :param listener: a listening socket.
    :param certificate: the folder with tls.crt and tls.key.
    """

    def __init__(
        self, listener: socket.socket, certificate: Path, desk: Desk, account_of: Callable[[str], Account | None]
    ) -> None:
        self.listener, self.certificate, self.desk, self.account_of = listener, certificate, desk, account_of
        self._open: dict[asyncio.Task[None], Conversation | None] = {}
        self._of: Counter[str] = Counter()
        self._tls: tuple[Any, ssl.SSLContext] = (None, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    async def serve(self) -> None:
        """Accept connections forever."""
        loop = asyncio.get_running_loop()
        self.listener.setblocking(False)
        while True:
            try:
                client, address = await loop.sock_accept(self.listener)
            except OSError as error:
                log.error("a connection can't be accepted", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if len(self._open) >= CONNECTIONS or self._of[address[0]] >= ADDRESS_CONNECTIONS:
                client.close()
                continue
            self._of[address[0]] += 1
            task = asyncio.create_task(self._converse(client))
            self._open[task] = None
            task.add_done_callback(partial(self._ended, address[0]))
            self.desk.metrics.connections.set(len(self._open))

    async def end(self, seconds: float) -> None:
        """End every connection. Those with a mail in progress end once it is answered, or after that many seconds."""
        for task, conversation in self._open.items():
            if conversation is None or not conversation.leave():
                task.cancel()
        if self._open:
            _, left = await asyncio.wait(list(self._open), timeout=seconds)
            for task in left:
                task.cancel()

    def _ended(self, address: str, task: asyncio.Task[None]) -> None:
        del self._open[task]
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]
        self.desk.metrics.connections.set(len(self._open))
        if not task.cancelled() and (error := task.exception()):
            log.error("a connection failed", error=repr(error))

    async def _converse(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(LINE_BYTES, loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, client, ssl=self._context(), ssl_handshake_timeout=SIGN_IN_SECONDS
            )
        except OSError:
            client.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            conversation = Conversation(reader, writer, self.desk, self.account_of)
            if task := asyncio.current_task():
                self._open[task] = conversation
            await conversation.run()
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    if not transport.is_closing():  # closed twice, CPython 3.11.2 can't abort it any more
                        writer.close()
                    await writer.wait_closed()
        except OSError:  # includes TimeoutError
            return
        finally:
            transport.abort()

    def _context(self) -> ssl.SSLContext:
        """Return the TLS context, created again when a file changes: a renewed certificate needs no restart."""
        certificate, key = self.certificate / "tls.crt", self.certificate / "tls.key"
        changed = [file.stat().st_mtime_ns for file in (certificate, key)]
        if changed != self._tls[0]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(certificate, key)
            self._tls = (changed, context)
        return self._tls[1]
