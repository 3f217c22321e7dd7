"""Accept mails: forward each to the server, within the store's rate, and one at a time per store."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

import structlog
from limits.errors import StorageError

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.mail import PLATFORM, Account

from .counters import Counters, Taken
from .limits import CONTENTS_BYTES, DELIVERIES, DELIVERY_SECONDS, STORE_CONNECTIONS, TURN_SECONDS
from .message import Unacceptable, check, traced
from .metrics import Metrics
from .upstream import Interrupted, Reply, Unavailable, Upstream

# In seconds: the time between two checks of the server, while it works, and while it does not (first and longest).
CHECK_SECONDS, RETRY_SECONDS, LONGEST_RETRY_SECONDS = 300.0, 2.0, 60.0
UNAVAILABLE = Reply(451, "4.3.0 the platform's mail server is unavailable: try again later")
BUSY = Reply(451, "4.3.2 too many mails at the same time: try again later")

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

log = structlog.get_logger("relay")


class TooMany(Exception):
    """A store has too many connections or waiting mails."""


@dataclass
class Present:
    """A store that has connections."""

    connections: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Desk:
    """Forward mails.

    :param upstream: the server that mails are forwarded to.
    """

    def __init__(self, upstream: Upstream, counters: Counters, metrics: Metrics) -> None:
        self.upstream, self.counters, self.metrics, self.taken = upstream, counters, metrics, Taken()
        # Whether the server worked at the last check.
        self.ready = False
        self._ask_now = asyncio.Event()
        self._present: dict[str, Present] = {}
        self._contents = 0
        self._deliveries = asyncio.Semaphore(DELIVERIES)
        self._threads = ThreadPoolExecutor(DELIVERIES + 4, "relay")

    async def watch(self) -> None:
        """Check the server periodically, forever."""
        retry = RETRY_SECONDS
        while True:
            self._ask_now.clear()
            try:
                async with asyncio.timeout(CHECK_SECONDS if self.ready else retry):
                    await self._ask_now.wait()
            except TimeoutError:
                pass
            await self.ask()
            retry = RETRY_SECONDS if self.ready else min(2 * retry, LONGEST_RETRY_SECONDS)

    async def ask(self) -> None:
        """Check whether the server works."""
        try:
            await self._in_thread(self.upstream.check)
        except (Unavailable, ConfigurationError) as error:
            log.error("the mail server is unavailable", error=str(error))
            self.ready = False
        else:
            if not self.ready:
                log.info("the mail server is available")
            self.ready = True
        self.metrics.ready.set(self.ready)

    @asynccontextmanager
    async def present(self, account: Account) -> AsyncIterator[None]:
        """Hold a connection of that store.

        :raise TooMany: it has reached its limit.
        """
        store = self._present.setdefault(account.username, Present())
        if store.connections >= STORE_CONNECTIONS:
            raise TooMany
        store.connections += 1
        try:
            yield
        finally:
            store.connections -= 1
            if not store.connections:
                del self._present[account.username]

    @asynccontextmanager
    async def turn(self, account: Account) -> AsyncIterator[None]:
        """Hold that store's turn to send a mail.

        :raise TooMany: earlier mails take too long.
        """
        lock = self._present[account.username].turn
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise TooMany from None
        try:
            yield
        finally:
            lock.release()

    async def has_room(self, account: Account, mails: int) -> bool:
        """Whether that store may send that many mails now; the platform's own mails are not limited."""
        if account.username == PLATFORM:
            return True
        try:
            return await self._in_thread(self.counters.has_room, account.name, mails)
        except StorageError as error:
            log.error("mails can't be counted", error=type(error).__name__)
            return False

    def hold(self, size: int) -> bool:
        """Reserve memory for that many bytes of large mails (negative: release); return whether there is room."""
        if size > 0 and self._contents + size > CONTENTS_BYTES:
            return False
        self._contents += size
        return True

    async def deliver(self, account: Account, recipients: Sequence[str], content: bytes) -> Reply:
        """Forward a mail, and return the server's reply to it."""
        identity = secrets.token_hex(8)
        answer = await self._answered(account, recipients, content, identity)
        result = "taken" if answer.taken else "deferred" if answer.code < 500 else "refused"
        self.metrics.mails.labels(result).inc()
        said = {} if answer.taken else {"answer": f"{answer.code} {answer.words}"}
        log.info("mail", id=identity, store=account.name, recipients=len(recipients), result=result, **said)
        return answer

    async def _answered(self, account: Account, recipients: Sequence[str], content: bytes, identity: str) -> Reply:
        try:
            message_id = check(content, account.sender)
        except Unacceptable as error:
            return Reply(550, f"5.7.1 {error}")
        if self.taken.has(account.username, message_id, recipients):
            return Reply(250, "2.0.0 this mail was accepted before")
        end = time.monotonic() + DELIVERY_SECONDS
        traced_content = traced(content, self.upstream.domain, account.name, identity)
        try:
            async with asyncio.timeout(DELIVERY_SECONDS / 4):
                await self._deliveries.acquire()
        except TimeoutError:
            return BUSY
        try:
            send = self.upstream.send
            answer = await self._in_thread(send, account.sender, recipients, traced_content, end)
        except (Unavailable, ConfigurationError) as error:
            log.error("the mail server is unavailable", error=str(error))
            self._ask_now.set()
            return UNAVAILABLE
        except Interrupted as error:
            log.error("a delivery was interrupted", id=identity, error=str(error))
            return UNAVAILABLE
        finally:
            self._deliveries.release()
        if answer.taken:
            self.taken.add(account.username, message_id, recipients)
            await self._count(account, len(recipients))
            return Reply(250, f"2.0.0 accepted as {identity}")
        # 421 would end the connection of a store that did nothing wrong; other codes are not replies to a mail.
        return answer if answer.code // 100 in (4, 5) and answer.code != 421 else Reply(451, f"4.3.0 {answer.words}")

    async def _count(self, account: Account, mails: int) -> None:
        try:
            await self._in_thread(self.counters.count, account.name, mails)
        except StorageError as error:
            log.error("mails can't be counted", error=type(error).__name__)

    async def _in_thread(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
