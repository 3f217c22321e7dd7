"""``python -m storeplatform.api``: the intent API under gunicorn, or one line that says why it can't start."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry, start_http_server

from storeplatform.hooks.serving import configure_logs, serve
from storeplatform.hooks.settings import ConfigurationError, file_in, load_values, read_engines
from storeplatform.templates import ENGINES

from .app import make_app
from .audit import Audit
from .cache import Cache
from .cluster import Cluster, connect
from .services import Services
from .settings import load_api_settings
from .streams import Streams
from .tokens import Tokens

# A stream holds its thread; beside all of them there is room for requests.
REQUEST_THREADS = 24
# The most that gunicorn takes: a search in another script has nine bytes a letter.
LONGEST_ADDRESS = 8190


def make_services() -> Services:
    """What the environment names: STORE_PLATFORM_SETTINGS, STORE_PLATFORM_API_SETTINGS, a cluster.

    :raise ConfigurationError: one is missing or wrong; the message says what to do.
    """
    settings = load_api_settings()
    values = load_values(file_in("STORE_PLATFORM_SETTINGS"))
    engines = read_engines(Path(os.environ.get("STORE_PLATFORM_ENGINES") or ENGINES))
    try:
        cluster = Cluster(connect())
    except ConfigException as error:
        raise ConfigurationError(f"there is no cluster to talk to: {error}") from error
    registry = CollectorRegistry()
    return Services(
        settings,
        values,
        engines,
        cluster,
        Cache(cluster),
        Tokens(cluster, settings),
        make_audit(settings["audit"], registry),
        Streams(settings["streams"]),
        registry,
    )


def make_audit(settings: Mapping[str, Any], registry: CollectorRegistry) -> Audit:
    """The audit store that the settings' ``audit`` name. :raise ConfigurationError: it can't be used."""
    return Audit(settings["url"], Path(settings["spool"]), settings["spoolBytes"], settings["retentionDays"], registry)


def main() -> None:
    """Serve until a signal; exit with one line on stderr where the configuration is wrong."""
    configure_logs()
    try:
        services = make_services()
        application = make_app(services)
    except ConfigurationError as error:
        sys.exit(f"store-platform api: {error}")

    def start(worker: Any) -> None:
        services.start()
        if metrics := os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090"):
            host, _, port = metrics.rpartition(":")
            start_http_server(int(port), host, services.registry)
        end_streams_at(signal.SIGTERM, services)

    serve(
        application,
        os.environ.get("STORE_PLATFORM_BIND", "0.0.0.0:8080"),
        threads=REQUEST_THREADS + services.settings["streams"]["process"],
        limit_request_line=LONGEST_ADDRESS,
        post_worker_init=start,
        worker_exit=lambda _server, _worker: services.close(),
    )


def end_streams_at(number: signal.Signals, services: Services) -> None:
    """Open streams end at that signal, before what the server does with it: it waits for open requests."""
    servers_own = signal.getsignal(number)

    def end(received: int, frame: FrameType | None) -> None:
        services.stop()
        if callable(servers_own):
            servers_own(received, frame)

    signal.signal(number, end)


if __name__ == "__main__":
    main()
