"""A small service, served like the platform's, with limits that a test can reach.

``python -m tests.serving.service BIND METRICS CERT KEY``: CERT and KEY may be "". What happens to its streams is
written to stdout.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()
# ruff: noqa: E402

import os
import sys
import time
from collections.abc import Iterator
from threading import Event

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry, Counter

from storeplatform.common.serving import limits
from storeplatform.common.serving.logs import configure_logs
from storeplatform.common.serving.server import Serving, serve

from .small import SMALL

for name, value in SMALL.items():
    setattr(limits, name, value)

ended = Event()


def make_app() -> Flask:
    """An application that echoes, waits, streams, and returns more than a socket buffer holds."""
    app = Flask("service")
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

    @app.get("/healthz")
    def healthy() -> str:
        return "ok"

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    @app.get("/wait")
    def wait() -> str:
        print("a request waits", flush=True)
        time.sleep(1)
        return "waited"

    @app.get("/stream")
    def stream() -> Response:
        return Response(_silent())

    @app.get("/large")
    def large() -> Response:
        return Response(_large())

    return app


def _silent() -> Iterator[bytes]:
    try:
        yield b"begun\n"
        ended.wait(3600)
        yield b"ended\n"
    finally:
        print("a stream is released", flush=True)


def _large() -> Iterator[bytes]:
    try:
        while True:
            yield bytes(1024 * 1024)
    finally:
        print("a large answer is released", flush=True)


if __name__ == "__main__":
    configure_logs()
    bind, metrics, cert, key = sys.argv[1:]
    registry = CollectorRegistry()
    Counter("served", "Nothing", registry=registry)
    tls = {"certfile": cert, "keyfile": key} if cert else {}
    serving = Serving(registry, metrics, stopping=ended.set, stop=lambda: print("stopped", os.getpid(), flush=True))
    serve(make_app, bind, serving, **tls)
