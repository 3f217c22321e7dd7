"""``python -m storeplatform.api.controllers``: runs until a signal.

STORE_PLATFORM_SETTINGS: the platform's settings file. STORE_PLATFORM_METRICS_BIND: host:port of the metrics.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Protocol

import structlog
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from storeplatform.common.configuration import ConfigurationError, file_in
from storeplatform.common.serving import configure_logs
from storeplatform.common.settings import load_values

from ..cache import Cache
from ..cluster import Cluster, Unreachable, connect
from .dns import Resolver
from .hostnames import Hostnames
from .leftovers import Leftovers
from .reach import Reach
from .readers import Readers

PAUSE_SECONDS = 1.0

log = structlog.get_logger("controllers")


class Controller(Protocol):
    """One of them."""

    name: str
    seconds: float

    def run(self) -> None:
        """Compare, and act. Raises as ``Cluster`` does."""


class Runner:
    """Runs each controller when its time has come, one after the other.

    :param controllers: ``seconds`` is the time between the end of one run and the next.
    """

    def __init__(self, controllers: Sequence[Controller], registry: CollectorRegistry) -> None:
        self._due = {controller.name: (0.0, controller) for controller in controllers}
        self.stopping = threading.Event()
        # To alert on: runs that fail, and a controller that has not run for long.
        self._failures = Counter("store_controller_failures", "Runs that failed", ["controller"], registry=registry)
        self._last = Gauge(
            "store_controller_last_run", "Unix time of the last good run", ["controller"], registry=registry
        )

    def run(self) -> None:
        """Until ``stopping``."""
        while not self.stopping.wait(PAUSE_SECONDS):
            for name, (due, controller) in self._due.items():
                if time.monotonic() >= due and not self.stopping.is_set():
                    self._once(controller)
                    self._due[name] = (time.monotonic() + controller.seconds, controller)

    def _once(self, controller: Controller) -> None:
        try:
            controller.run()
        except (ApiException, Unreachable) as error:
            self._failures.labels(controller.name).inc()
            why = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
            log.error("a run failed", controller=controller.name, error=why)
        else:
            self._last.labels(controller.name).set_to_current_time()


def main() -> None:
    """Run until a signal; exit with one line on stderr where the configuration is wrong."""
    configure_logs()
    try:
        values = load_values(file_in("STORE_PLATFORM_SETTINGS"))
        cluster = Cluster(connect())
    except ConfigException as error:
        sys.exit(f"store-platform controllers: there is no cluster to talk to: {error}")
    except ConfigurationError as error:
        sys.exit(f"store-platform controllers: {error}")
    registry, cache, reach = CollectorRegistry(), Cache(cluster), Reach(cluster)
    controllers: list[Controller] = [Readers(reach, cache), Leftovers(cluster, reach, cache, registry)]
    if values["hostnames"]["verification"] == "dns":
        controllers.append(Hostnames(cluster, Resolver(values["hostnames"]["resolvers"])))
    runner = Runner(controllers, registry)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    host, _, port = os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090").rpartition(":")
    start_http_server(int(port), host, registry)
    cache.start()
    try:
        runner.run()
    finally:
        cache.stop()


if __name__ == "__main__":
    main()
