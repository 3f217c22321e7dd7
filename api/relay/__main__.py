"""Run the relay until a signal (``python -m storeplatform.api.relay``). ``settings`` documents the files that it reads.

STORE_PLATFORM_BIND, STORE_PLATFORM_METRICS_BIND: host:port of the relay, and of its metrics and health checks.
"""

from __future__ import annotations

from storeplatform.common import starting

starting.begin()  # must precede every other import
# ruff: noqa: E402

import asyncio
import os
import signal
import socket
import sys
from functools import partial

import structlog
from prometheus_client import CollectorRegistry

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.mail import RELAY_PORT, account_of
from storeplatform.common.serving.logs import configure_logs

from .counters import Counters
from .desk import Desk
from .health import Health
from .limits import MAIL_SECONDS
from .metrics import Metrics
from .server import Server
from .settings import RelaySettings, load_relay_settings
from .upstream import Upstream

BEAT_SECONDS = 1.0

log = structlog.get_logger("relay")


async def run(settings: RelaySettings) -> None:
    """Accept mails until a signal, then finish those in progress."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    host, _, port = os.environ.get("STORE_PLATFORM_BIND", f"0.0.0.0:{RELAY_PORT}").rpartition(":")
    metrics = Metrics(CollectorRegistry())
    upstream = Upstream(settings.server, settings.credentials, settings.domain)
    desk = Desk(upstream, Counters(settings.counters, settings.mails_per_hour), metrics)
    health = Health(os.environ.get("STORE_PLATFORM_METRICS_BIND", "0.0.0.0:9090"), metrics.registry)
    health.start()
    await desk.ask()
    with socket.create_server((host, int(port)), backlog=512) as listener:
        account = partial(account_of, settings.key, domain=settings.domain)
        server = Server(listener, settings.certificate, desk, account)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in (server.serve(), desk.watch(), _beat(health))]
            log.info("the relay accepts mails")
            await stopping.wait()
            tasks[0].cancel()
            listener.close()
            await server.end(MAIL_SECONDS / 2)
            for task in tasks:
                task.cancel()


async def _beat(health: Health) -> None:
    while True:
        health.beat()
        await asyncio.sleep(BEAT_SECONDS)


def main() -> None:
    """Run until a signal; if the configuration is invalid, exit with one line on stderr."""
    configure_logs()
    try:
        settings = load_relay_settings()
        settings.credentials()
    except ConfigurationError as error:
        sys.exit(f"store-platform relay: {error}")
    starting.begun()
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
