"""Run the gate under gunicorn (``python -m storeplatform.api.gate``), or print why it can't start."""

from __future__ import annotations

from storeplatform.common import starting

starting.begin_with_greenlets()  # must precede every other import
# ruff: noqa: E402

import os
import sys

from storeplatform.common.configuration import ConfigurationError, file_in
from storeplatform.common.serving.server import Serving, serve

from .app import create_service


def main() -> None:
    """Serve until a signal; if the configuration is invalid, exit with one line on stderr.

    STORE_PLATFORM_BIND and STORE_PLATFORM_METRICS_BIND: host:port. The first uses TLS with
    STORE_PLATFORM_GATE_CERT_FILE and STORE_PLATFORM_GATE_KEY_FILE, which are read again when they change.
    """
    try:
        service = create_service()
        tls = {f"{part}file": str(_readable(f"STORE_PLATFORM_GATE_{part.upper()}_FILE")) for part in ("cert", "key")}
    except ConfigurationError as error:
        sys.exit(f"store-platform gate: {error}")
    serving = Serving(
        metrics=service.registry,
        metrics_bind=os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090"),
        start=service.start,
        stop=service.close,
    )
    serve(lambda: service.app, os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8443"), serving, **tls)


def _readable(variable: str) -> str:
    file = file_in(variable)
    try:
        file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"can't read {file}, which {variable} names: {error.strerror}") from error
    return str(file)


if __name__ == "__main__":
    main()
