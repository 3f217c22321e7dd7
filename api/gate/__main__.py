"""``python -m storeplatform.api.gate``: the gate under gunicorn, or one line that says why it can't start."""

from __future__ import annotations

import os
import sys
from typing import Any

from prometheus_client import start_http_server

from storeplatform.hooks.serving import serve
from storeplatform.hooks.settings import ConfigurationError, file_in

from .app import Service, create_service

# A request waits for the API server most of its time.
THREADS = 32


def main() -> None:
    """Serve until a signal; exit with one line on stderr where the configuration is wrong.

    STORE_PLATFORM_BIND and STORE_PLATFORM_METRICS_BIND: host:port, the first with TLS by
    STORE_PLATFORM_GATE_CERT_FILE and STORE_PLATFORM_GATE_KEY_FILE, which are read again for each connection.
    """
    try:
        service = create_service()
        tls = {f"{part}file": str(_readable(f"STORE_PLATFORM_GATE_{part.upper()}_FILE")) for part in ("cert", "key")}
    except ConfigurationError as error:
        sys.exit(f"store-platform gate: {error}")
    bind = os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8443")
    serve(service.app, bind, threads=THREADS, **tls, **_worker_hooks(service))


def _worker_hooks(service: Service) -> dict[str, Any]:
    """What begins and ends with gunicorn's worker: threads don't survive its fork."""
    host, _, port = os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090").rpartition(":")

    def post_worker_init(_: Any) -> None:
        start_http_server(int(port), host, service.registry)
        service.audit.start()

    def worker_exit(_server: Any, _worker: Any) -> None:
        service.audit.close()

    return {"post_worker_init": post_worker_init, "worker_exit": worker_exit}


def _readable(variable: str) -> str:
    file = file_in(variable)
    try:
        file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"can't read {file}, which {variable} names: {error.strerror}") from error
    return str(file)


if __name__ == "__main__":
    main()
