"""Run the intent API under gunicorn (``python -m storeplatform.api``), or print why it can't start."""

from __future__ import annotations

from storeplatform.common import starting

starting.begin_with_greenlets()  # must precede every other import
# ruff: noqa: E402

import os
import sys

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.serving.logs import configure_logs
from storeplatform.common.serving.server import Serving, serve

from .app import make_app
from .services import make_services

# gunicorn's maximum, in bytes. A search in a non-Latin script takes nine bytes per letter.
LONGEST_ADDRESS = 8190


def main() -> None:
    """Serve until a signal; if the configuration is invalid, exit with one line on stderr."""
    configure_logs()
    try:
        services = make_services()
    except ConfigurationError as error:
        sys.exit(f"store-platform api: {error}")
    serving = Serving(
        metrics=services.registry,
        metrics_bind=os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090"),
        start=services.start,
        stopping=services.stop,
        stop=services.close,
    )
    bind = os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080")
    serve(lambda: make_app(services), bind, serving, limit_request_line=LONGEST_ADDRESS)


if __name__ == "__main__":
    main()
