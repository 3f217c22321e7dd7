"""A complete platform, whose parts are processes that a test can freeze."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psutil
import pytest
import requests

from tests.api.issuer import AUDIENCE, Issuer
from tests.api.server import USERS, Api, token_of
from tests.audit.conftest import postgres_url
from tests.backup.postgres import Server, running
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.processes import Process
from tests.dashboard.server import Dashboard, Visitor
from tests.redis import redis
from tests.stores.gate import Gate
from tests.stores.platform import Platform

__all__ = ["binary", "redis"]


@dataclass
class World:
    """The parts, and two users: ann, an owner with the store "there", and ada, an admin."""

    plane: ControlPlane
    platform: Platform
    gate: Gate
    api: Api
    dashboard: Dashboard
    postgres: Server
    redis: Process
    issuer: str
    visitor: Visitor

    def hang(self, part: str) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return how to freeze a part, and how to let it continue."""
        pid = self.plane.pids()["kube-apiserver"]
        return {
            "gate": (lambda: [each.freeze() for each in self.gate.processes], self._thaw_gate),
            "API server": (lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT)),
            "audit database": (lambda: self._signal_postgres("suspend"), lambda: self._signal_postgres("resume")),
            "Redis": (self.redis.freeze, self.redis.thaw),
            "hooks": (self.platform.hooks.freeze, self.platform.hooks.thaw),
            "issuer": (lambda: None, lambda: None),  # it never responds
        }[part]  # type: ignore[return-value]

    def _signal_postgres(self, what: str) -> None:
        """Signal the server and its process for each connection, each of which leads a session of its own."""
        server = psutil.Process(self.postgres.process.pid)
        for each in (server, *server.children(recursive=True)):
            getattr(each, what)()

    def _thaw_gate(self) -> None:
        for each in self.gate.processes:
            each.thaw()

    @contextmanager
    def hanging(self, part: str) -> Iterator[None]:
        """Freeze that part during the context."""
        stop, go_on = self.hang(part)
        stop()
        try:
            yield
        finally:
            go_on()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def silent_issuer() -> Iterator[str]:
    """An issuer that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@pytest.fixture(scope="module")
def world(binary: object, postgres: Server, redis: Process, silent_issuer: str) -> Iterator[World]:
    postgres.sql("CREATE DATABASE audit")
    url = postgres_url(postgres, "audit")
    rates = dict.fromkeys(("read", "write", "costly", "refused"), "100000/minute")
    with Issuer() as answering:
        oidc = {**answering.settings(), "issuer": silent_issuer}
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(users=USERS))
        platform = stack.enter_context(Platform(plane))
        home = tempfile.mkdtemp(prefix="availability-spool-")
        stack.callback(shutil.rmtree, home)
        audit = {
            "url": url,
            "spool": f"{home}/spool",
            "spoolBytes": 1 << 26,
            "retentionDays": 365,
            "retentionBytes": 1 << 30,
        }
        gate = stack.enter_context(Gate(plane, settings={"audit": audit}))
        settings = {
            "audit": audit,
            "oidc": oidc,
            "rates": {**rates, "url": redis.name},
            "tokenReview": {"cacheSeconds": 60, "audiences": []},
        }
        api = stack.enter_context(Api(plane, settings=settings))
        sign_in = {"rates": {"signIn": "1000/minute"}, "sessions": {"url": redis.name, "hours": 1}}
        oidc = {"issuer": silent_issuer, "clientId": AUDIENCE, "scopes": "openid"}
        dashboard = stack.enter_context(Dashboard(api.url, {**sign_in, "oidc": oidc}))
        visitor = stack.enter_context(Visitor(dashboard.url))
        visitor.sign_in(token_of(plane, "ann"))
        assert api.caller("ann").create("there").status_code == 202
        yield World(plane, platform, gate, api, dashboard, postgres, redis, silent_issuer, visitor)


def ready(url: str) -> bool:
    """Whether a service reports that it is alive."""
    return requests.get(f"{url}/healthz", timeout=5).ok
