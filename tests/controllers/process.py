"""The platform's own controllers as shipped, as a process of this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.processes import Process, free_ports
from tests.cluster.waiting import wait_until
from tests.relay.process import DOMAIN, Relay
from tests.values import write_settings

# For ControlPlane(users=...).
CONTROLLERS_USER = {
    "controllers": User(
        "system:serviceaccount:store-platform:controllers",
        ("system:serviceaccounts", "system:serviceaccounts:store-platform", "system:authenticated"),
    )
}


@contextmanager
def controllers(
    plane: ControlPlane, home: Path, resolver: str, relay: Relay | None = None, dashboard: str = ""
) -> Iterator[str]:
    """Run the process with the rights of its shipped role; yield the address of its metrics.

    :param home: a folder for its files.
    :param resolver: the DNS server to use, in the setting's form.
    :param relay: the relay for mails to owners.
    :param dashboard: the dashboard's address.
    """
    bind = f"127.0.0.1:{free_ports(1)[0]}"
    hostnames = {"verification": "dns", "resolvers": [resolver]}
    over: dict[str, Any] = {"hostnames": hostnames}
    mails = {}
    if relay:
        over["mail"] = {"senderDomain": DOMAIN, "mailsPerHour": 100}
        mails = {
            "STORE_PLATFORM_RELAY": f"localhost:{relay.port}",
            "STORE_PLATFORM_RELAY_KEY_FILE": str(relay.folder / "key"),
            "STORE_PLATFORM_RELAY_CA_FILE": str(relay.folder / "ca.crt"),
            "STORE_PLATFORM_DASHBOARD_URL": dashboard,
        }
    environment = {
        **os.environ,
        **mails,
        "KUBECONFIG": str(plane.kubeconfig("controllers")),
        "STORE_PLATFORM_SETTINGS": str(write_settings("hooks", home / "settings.yaml", over)),
        "STORE_PLATFORM_METRICS_BIND": bind,
    }
    command = [sys.executable, "-W", "error", "-m", "storeplatform.api.controllers"]
    process = Process("the controllers", command, home / "log", environment)
    url = f"http://{bind}/metrics"
    process.start()
    try:
        begun = 'store_controller_last_run{controller="readers"}'
        wait_until(lambda: metric(url, begun), "they run", 60, stop_if=process.failure)
        yield url
    finally:
        process.stop()


def metric(url: str, name: str) -> float | None:
    """Return the value of the first sample with that prefix (name and labels); None if there is none."""
    lines = requests.get(url, timeout=5).text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), None)
