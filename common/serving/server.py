"""Gunicorn around an application: what it is made from is checked before any fork, and it is made after it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from prometheus_client import CollectorRegistry, make_wsgi_app

from .. import starting
from .limits import IDLE_SECONDS

# The worker's heartbeat is a file: on a tmpfs where there is one, or a busy disk looks like a hung worker.
TMPFS = Path("/dev/shm")  # noqa: S108 (gunicorn makes its own unnamed file there)


class JSONLogger(glogging.Logger):
    """Gunicorn's own lines, in the one JSON log."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)


# One process, which waits by greenlets; replicas scale it.
OPTIONS: dict[str, Any] = {
    "workers": 1,
    "worker_class": "storeplatform.common.serving.worker.Worker",
    "keepalive": int(IDLE_SECONDS),
    "graceful_timeout": 15,
    "worker_tmp_dir": str(TMPFS) if TMPFS.is_dir() else None,
    "logger_class": JSONLogger,
    "control_socket_disable": True,
}


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Serving:
    """What belongs to a served application beside gunicorn's options.

    ``metrics``: what is at ``metrics_bind`` (host:port; empty: nowhere). ``start`` is called in the process that
    serves, before its first request; ``stopping`` when no more connections are accepted, to end what is endless;
    ``stop`` after the last answer.
    """

    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics_bind: str = ""
    start: Callable[[], None] = _nothing
    stopping: Callable[[], None] = _nothing
    stop: Callable[[], None] = _nothing


class Service(BaseApplication):
    """Gunicorn with its options from here instead of a command line."""

    def __init__(self, make: Callable[[], Flask], serving: Serving, options: dict[str, Any]) -> None:
        self.make, self.serving, self.options = make, serving, options
        self.metrics = make_wsgi_app(serving.metrics)
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", lambda _worker: self.serving.start())
        self.cfg.set("worker_exit", lambda _server, _worker: self.serving.stop())

    def load(self) -> Any:
        application = self.make()
        starting.begun()  # the worker's own part of it
        return application


def serve(make: Callable[[], Flask], bind: str, serving: Serving | None = None, **options: Any) -> None:
    """Serve what ``make`` gives until a signal. ``bind``: host:port; ``options``: gunicorn's, in place of ours.

    It is made in the process that serves: libraries begin threads, which would be half alive after a fork. This
    process must have been patched by gevent before anything else was imported.
    """
    service = Service(make, serving or Serving(), {**OPTIONS, "bind": bind, **options})
    starting.begun()
    service.run()
