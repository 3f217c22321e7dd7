"""Run the dashboard under gunicorn (``python -m storeplatform.dashboard``), or print why it can't start."""

from __future__ import annotations

from storeplatform.common import starting

starting.begin_with_greenlets()  # must precede every other import
# ruff: noqa: E402

import os
import sys

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.serving.logs import configure_logs
from storeplatform.common.serving.server import serve

from .app import make_app
from .settings import load_settings


def main() -> None:
    """Serve until a signal; if the configuration is invalid, exit with one line on stderr."""
    configure_logs()
    try:
        settings = load_settings()
    except ConfigurationError as error:
        sys.exit(f"store-platform dashboard: {error}")
    # A stream ends with its process; the browser reconnects to another one.
    serve(lambda: make_app(settings), os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080"), graceful_timeout=10)


if __name__ == "__main__":
    main()
