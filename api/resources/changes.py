"""Changes of stores as they happen, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import orjson
from flask import Response

from ..cache import Cache, Change
from ..callers import Access, Caller
from ..operations import Call, Media, Rate, operation
from ..services import Services

# Also how long a reader who left is not noticed: a page that is turned leaves its stream behind.
HEARTBEAT_SECONDS = 5
# A stream ends by itself, so that a caller's token and groups are looked at again. Clients come back at once.
LONGEST_SECONDS = 600
RETRY_MILLISECONDS = 2000

DESCRIPTION = (
    'Events "store" (a summary, as in lists) and "gone" (its name), each with an id that Last-Event-ID resumes after. '
    '"reset": more happened than is known here, so what is shown must be read again. Comments keep the stream alive.'
)


class Changes:
    """One stream a caller's page; what they may not see is not in it."""

    def __init__(self, services: Services) -> None:
        self.cache, self.streams = services.cache, services.streams

    @operation(
        "GET",
        "/changes",
        Access.READ,
        Rate.READ,
        "Changes of stores, as they happen",
        headers={"Last-Event-ID": "The id of the last event that was seen, or the Resource-Version of what was read."},
        answers={200: Media("text/event-stream", DESCRIPTION)},
    )
    def stream_changes(self, call: Call) -> Response:
        seen = call.headers.get("Last-Event-ID", "")
        with ExitStack() as stack:
            stack.enter_context(self.streams.one_of(call.caller.name))
            response = Response(events(self.cache, call.caller, seen), mimetype="text/event-stream")
            # A proxy that gathers bytes would hold the events back.
            response.headers["X-Accel-Buffering"] = "no"
            response.call_on_close(stack.pop_all().close)
        return response


def events(cache: Cache, caller: Caller, last_seen: str) -> Iterator[bytes]:
    """The stream's bytes, until it has been open for long, the caller's token ends or the process does."""
    end = min(time.time() + LONGEST_SECONDS, caller.expires)
    version = int(last_seen) if last_seen.isdecimal() else cache.version
    yield f"retry: {RETRY_MILLISECONDS}\nid: {version}\n\n".encode()
    while not cache.stopping and time.time() < end:
        found = cache.changes(version)
        if found is None:
            version = cache.version
            yield f"event: reset\nid: {version}\ndata: {{}}\n\n".encode()
            continue
        changes, version = found
        for change in changes:
            if caller.sees(change.entry.owner):
                yield _event(change)
        if not changes:
            cache.wait_for_change(version, HEARTBEAT_SECONDS)
            if cache.version <= version:
                yield b":\n\n"


def _event(change: Change) -> bytes:
    name, data = (
        (b"gone", orjson.dumps({"name": change.entry.name})) if change.gone else (b"store", change.entry.summary)
    )
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name, change.version, data)
