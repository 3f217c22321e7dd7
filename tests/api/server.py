"""The intent API as it ships, as processes of this machine."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests
import yaml

from storeplatform.templates import ENGINES
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.processes import Process, free_ports
from tests.cluster.served import Served
from tests.stores.gate import API_USER
from tests.values import settings_of, write_settings

EVERYBODY = ("system:authenticated",)
OWNERS = ("shop-owners", "store-platform:owners", *EVERYBODY)
# The callers in the tests, by the short name of their token.
USERS = {
    **API_USER,
    "ann": User("ann@example.com", OWNERS),
    "ben": User("ben@example.com", OWNERS),
    "sue": User("sue@example.com", ("store-platform:support", *EVERYBODY)),
    "stranger": User("stranger", EVERYBODY),
    "ada": User("ada@example.com", ("store-platform:admins", *EVERYBODY)),
}

ROLES = {"admin": ["store-platform:admins"], "support": ["store-platform:support"], "owner": ["shop-owners"]}

# High, because tests call more often than people.
RATES = {"url": "memory://", **dict.fromkeys(("read", "write", "costly", "refused"), "100000/minute")}


# The key by which the tests' dashboard identifies itself to the API.
DASHBOARD_KEY = secrets.token_hex(32)


def token_of(plane: ControlPlane, user: str) -> str:
    """Return the bearer token of a user of the API server."""
    config = yaml.safe_load(plane.kubeconfig(user).read_text())
    return str(config["users"][0]["user"]["token"])


class Api(Served):
    """API processes on one control plane; started on entering, stopped on leaving.

    :param settings: top-level values that replace those of the API's shipped settings.
    :param engines: a folder of engines instead of the installed one.
    :param hooks_settings: top-level values that replace those of the hooks' shipped settings.
    """

    what, ready_path = "the API", "/readyz"

    def __init__(
        self,
        plane: ControlPlane,
        *,
        processes: int = 1,
        settings: dict[str, Any] | None = None,
        engines: Path = ENGINES,
        hooks_settings: dict[str, Any] | None = None,
    ) -> None:
        self.plane, self.engines = plane, engines
        self.home = Path(tempfile.mkdtemp(prefix="api-"))
        self.hooks_settings = hooks_settings or {}
        values = settings_of("api")
        own = {**values["audit"], "url": f"sqlite:///{self.home}/audit.db", "spool": f"{self.home}/spool"}
        values |= {"rates": RATES, "roles": ROLES, "audit": own, **(settings or {})}
        (self.home / "api.yaml").write_text(yaml.safe_dump(values))
        (self.home / "dashboard-key").write_text(DASHBOARD_KEY)
        ports = free_ports(2 * processes)
        self.urls = [f"http://127.0.0.1:{port}" for port in ports[:processes]]
        self.metrics_urls = [f"http://127.0.0.1:{port}/metrics" for port in ports[processes:]]
        self.processes = [self._process(number) for number in range(processes)]

    def caller(self, user: str, number: int = 0) -> ApiClient:
        """Return a client of one of the processes."""
        return ApiClient(self.urls[number], token_of(self.plane, user))

    def metric(self, name: str, number: int = 0) -> float:
        """Return the value of a metric without labels."""
        lines = requests.get(self.metrics_urls[number], timeout=5).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def environment(self, number: int = 0) -> dict[str, str]:
        """Return the environment of a process."""
        port = self.metrics_urls[number].rpartition(":")[2].partition("/")[0]
        return {
            "KUBECONFIG": str(self.plane.kubeconfig("api")),
            "STORE_PLATFORM_SETTINGS": str(write_settings("hooks", self.home / "settings.yaml", self.hooks_settings)),
            "STORE_PLATFORM_API_SETTINGS": str(self.home / "api.yaml"),
            "STORE_PLATFORM_DASHBOARD_KEY_FILE": str(self.home / "dashboard-key"),
            "STORE_PLATFORM_ENGINES": str(self.engines),
            "STORE_PLATFORM_BIND": self.urls[number].removeprefix("http://"),
            "STORE_PLATFORM_METRICS_BIND": f"127.0.0.1:{port}",
        }

    def _process(self, number: int) -> Process:
        command = [sys.executable, "-m", "storeplatform.api"]
        environment = {**os.environ, **self.environment(number)}
        return Process(f"the API ({number})", command, self.home / f"api-{number}.log", environment)


class ApiClient:
    """Call the API with one token. Responses are returned whatever their status."""

    def __init__(self, url: str, token: str | None) -> None:
        self.base = f"{url}/api/v1"
        self.session = requests.Session()
        self.session.trust_env = False
        # Closes its connections, so that garbage collection finds none open.
        self.session.headers["Connection"] = "close"
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Send one request; ``options``: those of requests."""
        return self.session.request(method, self.base + path, json=body, timeout=30, **options)

    def get(self, path: str, **query: Any) -> Any:
        """Return the decoded body of a GET that must succeed."""
        answer = self("GET", path, params=query)
        answer.raise_for_status()
        return answer.json()

    def create(self, name: str, **spec: Any) -> requests.Response:
        """Create a store: a medusa, unless ``spec`` says otherwise."""
        return self("POST", "/stores", {"name": name, "spec": {"engine": "medusa", **spec}})
