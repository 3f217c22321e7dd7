"""The API's stream of changes, forwarded to the page's script for the signed-in user."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import requests
from flask import Blueprint, Response, current_app, request

from .asking import API, me

blueprint = Blueprint("live", __name__)


def places(count: int) -> threading.BoundedSemaphore:
    """A semaphore for the number of open pages: each holds two connections."""
    return threading.BoundedSemaphore(count)


@blueprint.get("/changes")
def changes() -> Response:
    """Yield server-sent events until the reader leaves, starting after their last event or the state of their page."""
    asks = me()
    free: threading.BoundedSemaphore = current_app.extensions["dashboard-streams"]
    with ExitStack() as stack:
        if not free.acquire(blocking=False):
            return Response(status=503, headers={"Retry-After": "30"})
        stack.callback(free.release)
        seen = request.headers.get("Last-Event-ID") or request.args.get("since", "")
        headers = {"Last-Event-ID": seen} if seen else {}
        answer = current_app.extensions[API].call("GET", "/changes", asks.visit, headers=headers, stream=True)
        stack.callback(answer.close)
        response = Response(_passed_on(answer), mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(stack.pop_all().close)
    return response


def _passed_on(answer: requests.Response) -> Iterator[bytes]:
    # An API that becomes unavailable ends the stream; the browser reconnects automatically.
    with suppress(requests.RequestException):
        yield from answer.iter_content(chunk_size=None)
