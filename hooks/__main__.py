"""``python -m storeplatform.hooks``: the service under gunicorn, or one line that says why it can't start."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from .app import create_app
from .logs import JSONLogger
from .settings import ConfigurationError

# The worker's heartbeat is a file: on a tmpfs where there is one, or a busy disk looks like a hung worker.
TMPFS = Path("/dev/shm")  # noqa: S108 (gunicorn makes its own unnamed file there)

# One process of a few threads with kept-alive connections; replicas scale it.
OPTIONS = {
    "bind": os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080"),
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
    """Gunicorn around an application that is made already, so that its errors come before any fork."""

    def __init__(self, application: Flask) -> None:
        self.application = application
        super().__init__()

    def load_config(self) -> None:
        for name, value in OPTIONS.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self.application


def main() -> None:
    """Serve until a signal; exit with one line on stderr where the configuration is wrong."""
    try:
        application = create_app()
    except ConfigurationError as error:
        sys.exit(f"store-platform hooks: {error}")
    Service(application).run()


if __name__ == "__main__":
    main()
