"""``python -m storeplatform.hooks``: the service under gunicorn, or one line that says why it can't start."""

from __future__ import annotations

import os
import sys

from .app import create_app
from .serving import serve
from .settings import ConfigurationError


def main() -> None:
    """Serve until a signal; exit with one line on stderr where the configuration is wrong."""
    try:
        application = create_app()
    except ConfigurationError as error:
        sys.exit(f"store-platform hooks: {error}")
    serve(application, os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080"))


if __name__ == "__main__":
    main()
