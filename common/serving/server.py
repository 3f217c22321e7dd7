"""Run an application under gunicorn: the configuration is checked before the fork, the application is made after it."""

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

# gunicorn's heartbeat is a file. On a tmpfs, because a busy disk would make the worker look hung.
TMPFS = Path("/dev/shm")  # noqa: S108 (gunicorn makes its own unnamed file there)


class JSONLogger(glogging.Logger):
    """Write gunicorn's own lines to the JSON log."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)


# One worker process, which handles concurrency with greenlets. To scale, add replicas.
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
    """What an application needs beside gunicorn's options.

    ``metrics``: the WSGI application at ``metrics_bind`` (host:port; if empty, it is not served). ``start`` is called
    in the worker before its first request; ``stopping`` when it no longer accepts connections, to end streams; ``stop``
    after the last response.
    """

    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics_bind: str = ""
    start: Callable[[], None] = _nothing
    stopping: Callable[[], None] = _nothing
    stop: Callable[[], None] = _nothing


class Service(BaseApplication):
    """A gunicorn application configured by code, not by a command line."""

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
    """Serve the application that ``make`` returns, until a signal.

    ``bind``: host:port; ``options`` override the defaults above.

    ``make`` is called after the fork, because threads that libraries start do not survive one. The caller must have
    applied gevent's monkey patch before any other import.
    """
    service = Service(make, serving or Serving(), {**OPTIONS, "bind": bind, **options})
    starting.begun()
    service.run()
