"""Run the controllers until a signal (``python -m storeplatform.api.controllers``).

STORE_PLATFORM_SETTINGS: the platform's settings file.
STORE_PLATFORM_METRICS_BIND: host:port of the metrics.
With a mail relay, STORE_PLATFORM_RELAY_KEY_FILE and STORE_PLATFORM_RELAY_CA_FILE: its key and its certificate
authority's certificate;
STORE_PLATFORM_DASHBOARD_URL: the dashboard's address, "" if there is none;
STORE_PLATFORM_RELAY: the relay's host:port, if it is not the chart's.
"""

from __future__ import annotations

from storeplatform.common import starting

starting.begin()  # must precede every other import
# ruff: noqa: E402

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

import structlog
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from storeplatform.common.configuration import ConfigurationError, file_in, read_text
from storeplatform.common.mail import RELAY_PORT, load_relay_key, platform_account, relay_host
from storeplatform.common.serving.logs import configure_logs
from storeplatform.common.settings import load_values

from ..cache import Cache
from ..cluster import Cluster, Unreachable, connect
from ..leases import Leases
from .leftovers import Leftovers
from .reach import Reach
from .readers import Readers

PAUSE_SECONDS = 1.0
# In seconds: the time for active runs to finish at shutdown.
LAST_SECONDS = 15.0

log = structlog.get_logger("controllers")


class Controller(Protocol):
    """One controller."""

    name: str
    seconds: float

    def run(self) -> None:
        """Compare and act. Raises like ``Cluster``."""


class Runner:
    """Run each controller periodically in its own thread, so that a slow one does not delay the others.

    :param controllers: ``seconds`` is the time between the end of one run and the start of the next.
    """

    def __init__(self, controllers: Sequence[Controller], registry: CollectorRegistry) -> None:
        self._threads = [
            threading.Thread(target=self._repeat, args=[each], name=each.name, daemon=True) for each in controllers
        ]
        self.stopping = threading.Event()
        # For alerts: failing runs, and controllers that have not run for long.
        self._failures = Counter("store_controller_failures", "Runs that failed", ["controller"], registry=registry)
        self._last = Gauge(
            "store_controller_last_run", "Unix time of the last successful run", ["controller"], registry=registry
        )

    def run(self) -> None:
        """Run until ``stopping`` is set."""
        for each in self._threads:
            each.start()
        self.stopping.wait()
        end = time.monotonic() + LAST_SECONDS
        for each in self._threads:
            each.join(max(0.0, end - time.monotonic()))

    def _repeat(self, controller: Controller) -> None:
        while not self.stopping.wait(PAUSE_SECONDS):
            self._once(controller)
            if self.stopping.wait(controller.seconds - PAUSE_SECONDS):
                return

    def _once(self, controller: Controller) -> None:
        try:
            controller.run()
        except (ApiException, Unreachable) as error:
            self._failures.labels(controller.name).inc()
            why = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
            log.error("a run failed", controller=controller.name, error=why)
        else:
            self._last.labels(controller.name).set_to_current_time()


def _notices(values: Mapping[str, Any], cluster: Cluster, cache: Cache) -> list[Controller]:
    """Return the controller that mails owners; none if the platform has no relay.

    :raise ConfigurationError: a file is missing or invalid.
    """
    domain = values["mail"]["senderDomain"]
    if not domain:
        return []
    from .notices import Notices, RelayClient

    address = os.environ.get("STORE_PLATFORM_RELAY") or f"{relay_host(values['platformNamespace'])}:{RELAY_PORT}"
    host, _, port = address.rpartition(":")
    account = platform_account(load_relay_key(file_in("STORE_PLATFORM_RELAY_KEY_FILE")), domain)
    relay = RelayClient(host, int(port), read_text(file_in("STORE_PLATFORM_RELAY_CA_FILE")), account)
    leases = Leases(cluster, values["platformNamespace"])
    return [Notices(cache, leases, relay, os.environ.get("STORE_PLATFORM_DASHBOARD_URL", ""))]


def _hostnames(values: Mapping[str, Any], cluster: Cluster) -> list[Controller]:
    """Return the controller that verifies hosts; none if the platform does not verify them."""
    if values["hostnames"]["verification"] != "dns":
        return []
    from .dns import Resolver
    from .hostnames import Hostnames

    return [Hostnames(cluster, Resolver(values["hostnames"]["resolvers"]))]


def main() -> None:
    """Run until a signal; if the configuration is invalid, exit with one line on stderr."""
    configure_logs()
    try:
        values = load_values(file_in("STORE_PLATFORM_SETTINGS"))
        cluster = Cluster(connect())
        cache = Cache(cluster)
        configured = [*_hostnames(values, cluster), *_notices(values, cluster, cache)]
    except ConfigException as error:
        sys.exit(f"store-platform controllers: no cluster is configured: {error}")
    except ConfigurationError as error:
        sys.exit(f"store-platform controllers: {error}")
    registry, reach = CollectorRegistry(), Reach(cluster)
    controllers: list[Controller] = [Readers(reach, cache), Leftovers(cluster, reach, cache, registry), *configured]
    runner = Runner(controllers, registry)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    host, _, port = os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090").rpartition(":")
    start_http_server(int(port), host, registry)
    starting.begun()
    cache.start()
    try:
        runner.run()
    finally:
        cache.stop()


if __name__ == "__main__":
    main()
