"""The dashboard as it ships, as processes of this machine."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from tests.cluster.processes import Process, free_ports
from tests.cluster.waiting import wait_until
from tests.values import settings_of


class Dashboard:
    """Some processes of the dashboard with the same settings; started on entering, ended on leaving.

    :param api: where the intent API answers. :param settings: top-level values in place of the shipped settings'.
    :param links: tokens by the secret words of sign-in links.
    """

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
        (self.home / "key").write_text(secrets.token_hex(32))
        (self.home / "links.yaml").write_text(yaml.safe_dump({"links": links or {}}))
        self.processes = [self._process(number) for number in range(processes)]

    def __enter__(self) -> Self:
        for number in range(len(self.processes)):
            self.start(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.stop()
        if not isinstance(error, Exception):  # a Ctrl-C is no failure
            shutil.rmtree(self.home)
        else:
            print(f"the dashboard's logs are kept in {self.home}", file=sys.stderr, flush=True)

    @property
    def url(self) -> str:
        """Where the first process answers."""
        return self.urls[0]

    def start(self, number: int = 0) -> None:
        """Start one process, and wait until it answers."""
        process = self.processes[number]
        process.start()
        wait_until(
            lambda: requests.get(f"{self.urls[number]}/healthz", timeout=2).ok,
            "the dashboard answers",
            stop_if=process.failure,
        )

    def _process(self, number: int) -> Process:
        environment = {
            **os.environ,
            "STORE_PLATFORM_DASHBOARD_SETTINGS": str(self.home / "settings.yaml"),
            "STORE_PLATFORM_SECRET_KEY_FILE": str(self.home / "key"),
            "STORE_PLATFORM_SIGN_IN_LINKS_FILE": str(self.home / "links.yaml"),
            "STORE_PLATFORM_BIND": self.urls[number].removeprefix("http://"),
        }
        command = [sys.executable, "-m", "storeplatform.dashboard"]
        return Process(f"the dashboard ({number})", command, self.home / f"dashboard-{number}.log", environment)


class Visitor:
    """A browser without script or pictures: it keeps cookies, follows links and sends forms."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str, **options: Any) -> requests.Response:
        """A page; where it sends on, the page there."""
        return self.session.get(self.url + path, timeout=30, **options)

    def send(self, path: str, form: dict[str, str], page: str = "", **options: Any) -> requests.Response:
        """Send a form that stands on ``page`` (the same path if not said), with what that page hides in it."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page or path).text)
        assert found, f"there is no form on {page or path}"
        return self.session.post(self.url + path, data={"csrf_token": found[1], **form}, timeout=30, **options)

    def sign_in(self, token: str) -> requests.Response:
        """The page after it."""
        return self.send("/signin", {"token": token})
