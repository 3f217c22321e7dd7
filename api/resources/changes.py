"""Changes of stores as they happen, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import orjson
from flask import Response

from storeplatform.common.timeouts import STREAM_COMMENT

from ..cache import Cache
from ..callers import Access, Caller, Role
from ..entries import version_in
from ..journal import Change
from ..operations import Call, Media, Rate, operation
from ..services import Services

HEARTBEAT_SECONDS = STREAM_COMMENT
# In seconds: how long to wait if the reader has seen a version that this process has not; another process may be ahead.
CATCH_UP_SECONDS = 2.0
# In seconds: a stream ends after this time, so that the caller's token and groups are checked again. Clients reconnect
# at once.
LONGEST_SECONDS = 600
RETRY_MILLISECONDS = 2000

DESCRIPTION = (
    'Events "store" (a summary, as in lists) and "gone" (its name). Send the id of the last one as Last-Event-ID to '
    'resume after it. "reset": changes may be missing, so read the stores again. Comments keep the stream alive.'
)


class Changes:
    """One stream per open page of a caller; it contains only what they may see."""

    def __init__(self, services: Services) -> None:
        self.cache, self.streams = services.cache, services.streams

    @operation(
        "GET",
        "/changes",
        Access.READ,
        Rate.READ,
        "Follow changes of stores",
        headers={"Last-Event-ID": "The id of the last event that was seen, or the Resource-Version of what was read."},
        answers={200: Media("text/event-stream", DESCRIPTION)},
    )
    def stream_changes(self, call: Call) -> Response:
        seen = call.headers.get("Last-Event-ID", "")
        with ExitStack() as stack:
            stack.enter_context(self.streams.one_of(call.caller.name))
            response = Response(events(self.cache, call.caller, seen), mimetype="text/event-stream")
            # A buffering proxy would delay the events.
            response.headers["X-Accel-Buffering"] = "no"
            response.call_on_close(stack.pop_all().close)
        return response


def events(cache: Cache, caller: Caller, last_seen: str) -> Iterator[bytes]:
    """Yield the stream's bytes, until its maximum age, the end of the caller's token or of the process."""
    end = min(time.time() + LONGEST_SECONDS, caller.expires)
    version = version_in(last_seen) if last_seen else cache.version
    yield f"retry: {RETRY_MILLISECONDS}\nid: {cache.version if version is None else version}\n\n".encode()
    if version is not None:
        cache.wait_for(version, CATCH_UP_SECONDS)
    with cache.listening(caller.name if caller.role is Role.OWNER else None) as heard:
        while not cache.stopping and (left := end - time.time()) > 0:
            heard.clear()
            found = None if version is None else cache.changes(version)
            if found is None:
                version = cache.version
                yield f"event: reset\nid: {version}\ndata: {{}}\n\n".encode()
                continue
            before, (changes, version) = version, found
            seen = [_event(change) for change in changes if caller.sees(change.entry.owner)]
            yield from seen
            if not seen and not heard.wait(min(HEARTBEAT_SECONDS, left)):
                # An id alone is not an event, but a browser that reconnects resumes after it.
                yield b":\n\n" if version == before else b"id: %d\n\n" % version


def _event(change: Change) -> bytes:
    name, data = (
        (b"gone", orjson.dumps({"name": change.entry.name})) if change.gone else (b"store", change.entry.summary)
    )
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name, change.version, data)
