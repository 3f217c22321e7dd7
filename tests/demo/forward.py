"""Forward a port of the loopback address to another address: browsers resolve *.localhost to the loopback address."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# With the first port, a browser's address needs no port number.
PORTS = (80, 8080, 0)


@contextmanager
def forwarded(address: str, port: int = 80) -> Iterator[int]:
    """Yield the port of 127.0.0.1 that is forwarded to that address: 80 if it is free."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,), name="forward", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_listen(address, port), loop).result()
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)  # after the server is closed
        thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Run the event loop until it is stopped, and close the connections that are still open."""
    loop.run_forever()
    loop.run_until_complete(_end(asyncio.all_tasks(loop)))
    loop.close()


async def _end(connections: set[asyncio.Task[None]]) -> None:
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


async def _listen(address: str, port: int) -> asyncio.Server:
    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        with contextlib.suppress(asyncio.CancelledError):  # CPython 3.11 reports a cancelled connection as a fault
            await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))

    for wanted in PORTS:
        with contextlib.suppress(OSError):
            return await asyncio.start_server(connect, "127.0.0.1", wanted)
    raise OSError("no port of 127.0.0.1 is free")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # when one side closes, close the other
    finally:
        writer.close()
