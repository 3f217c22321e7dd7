"""Gunicorn around an application that is made already, so that its errors come before any fork."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from .logs import JSONLogger

# The worker's heartbeat is a file: on a tmpfs where there is one, or a busy disk looks like a hung worker.
TMPFS = Path("/dev/shm")  # noqa: S108 (gunicorn makes its own unnamed file there)

# One process of a few threads with kept-alive connections; replicas scale it.
OPTIONS: dict[str, Any] = {
    "workers": 1,
    "worker_class": "gthread",
    "threads": 4,
    "keepalive": 75,
    "graceful_timeout": 15,
    "worker_tmp_dir": str(TMPFS) if TMPFS.is_dir() else None,
    "logger_class": JSONLogger,
    "control_socket_disable": True,
}


class Service(BaseApplication):
    """Gunicorn with its options from here instead of a command line."""

    def __init__(self, application: Flask, options: dict[str, Any]) -> None:
        self.application, self.options = application, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self.application


def serve(application: Flask, bind: str, **options: Any) -> None:
    """Serve until a signal. ``bind``: host:port; ``options``: gunicorn's, in place of ours."""
    Service(application, {**OPTIONS, "bind": bind, **options}).run()
