"""``python -m storeplatform.dashboard``: the dashboard under gunicorn, or one line that says why it can't start."""

from __future__ import annotations

import os
import sys

from storeplatform.hooks.serving import configure_logs, serve
from storeplatform.hooks.settings import ConfigurationError

from .app import make_app
from .settings import load_settings

# Beside the threads that streams hold.
REQUEST_THREADS = 16


def main() -> None:
    """Serve until a signal; exit with one line on stderr where the configuration is wrong."""
    configure_logs()
    try:
        settings = load_settings()
        application = make_app(settings)
    except ConfigurationError as error:
        sys.exit(f"store-platform dashboard: {error}")
    bind = os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080")
    # A stream ends with its process, and the browser comes back to another one.
    serve(application, bind, threads=REQUEST_THREADS + settings.values["streams"], graceful_timeout=10)


if __name__ == "__main__":
    main()
