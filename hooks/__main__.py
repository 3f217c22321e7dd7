"""Run the hooks under gunicorn (``python -m storeplatform.hooks``), or print why they can't start."""

from __future__ import annotations

from storeplatform.common import starting

starting.begin_with_greenlets()  # must precede every other import
# ruff: noqa: E402

import os
import sys

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.serving.server import serve

from .app import create_app


def main() -> None:
    """Serve until a signal; if the configuration is invalid, exit with one line on stderr."""
    try:
        application = create_app()
    except ConfigurationError as error:
        sys.exit(f"store-platform hooks: {error}")
    serve(lambda: application, os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080"))


if __name__ == "__main__":
    main()
