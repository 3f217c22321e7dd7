"""The dashboard as shipped, as processes of this machine."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from html import unescape
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from tests.api.server import DASHBOARD_KEY
from tests.cluster.processes import Process, free_ports
from tests.cluster.served import Served
from tests.values import settings_of


class Dashboard(Served):
    """Dashboard processes with the same settings; started on entering, stopped on leaving.

    :param api: the intent API's address.
    :param settings: top-level values that replace those of the shipped settings.
    :param links: tokens by the secrets of sign-in links.
    """

    what, ready_path = "the dashboard", "/healthz"

    def __init__(
        self,
        api: str,
        settings: dict[str, Any] | None = None,
        links: dict[str, str] | None = None,
        *,
        processes: int = 1,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="dashboard-"))
        self.urls = [f"http://127.0.0.1:{port}" for port in free_ports(processes)]
        values = settings_of("dashboard")
        values |= {"api": {"url": api}, "publicURL": self.url, **(settings or {})}
        (self.home / "settings.yaml").write_text(yaml.safe_dump(values))
        (self.home / "api-key").write_text(DASHBOARD_KEY)
        (self.home / "key").write_text(secrets.token_hex(32))
        (self.home / "links.yaml").write_text(yaml.safe_dump({"links": links or {}}))
        self.processes = [self._process(number) for number in range(processes)]

    def _process(self, number: int) -> Process:
        environment = {
            **os.environ,
            "STORE_PLATFORM_DASHBOARD_SETTINGS": str(self.home / "settings.yaml"),
            "STORE_PLATFORM_SECRET_KEY_FILE": str(self.home / "key"),
            "STORE_PLATFORM_DASHBOARD_KEY_FILE": str(self.home / "api-key"),
            "STORE_PLATFORM_SIGN_IN_LINKS_FILE": str(self.home / "links.yaml"),
            "STORE_PLATFORM_BIND": self.urls[number].removeprefix("http://"),
        }
        command = [sys.executable, "-m", "storeplatform.dashboard"]
        return Process(f"the dashboard ({number})", command, self.home / f"dashboard-{number}.log", environment)


class Visitor:
    """A browser without scripts and pictures: it keeps cookies, follows links and sends forms."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str, **options: Any) -> requests.Response:
        """Return a page, after following redirects."""
        return self.session.get(self.url + path, timeout=30, **options)

    def send(self, path: str, form: dict[str, str], page: str = "", **options: Any) -> requests.Response:
        """Send a form of ``page`` (default: the same path), with the hidden fields of that page's forms."""
        hidden = dict(
            re.findall(r'type="hidden" name="(csrf_token|seen|key|once)" value="([^"]*)"', self.get(page or path).text)
        )
        assert "csrf_token" in hidden, f"there is no form on {page or path}"
        filled = {name: unescape(value) for name, value in hidden.items()}
        return self.session.post(self.url + path, data={**filled, **form}, timeout=30, **options)

    def sign_in(self, token: str) -> requests.Response:
        """Sign in and return the page after it."""
        return self.send("/signin", {"token": token})
