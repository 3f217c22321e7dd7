"""Two processes of the API and two of the dashboard, each pair behind one address, with everything that they share."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.api.server import RATES, Api, ApiClient, token_of
from tests.cluster.controlplane import ControlPlane
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.balancer import Balancer
from tests.stores.gate import Gate

PROCESSES = 2


def port_of(url: str) -> int:
    """Return a process' port."""
    return int(url.rpartition(":")[2])


def address(balancer: Balancer) -> str:
    """The one URL of all its backends."""
    return f"http://127.0.0.1:{balancer.port}"


class Replicas:
    """Started on entering, stopped on leaving.

    :param redis: the URL of a Redis without its database: rates are in 0, sessions in 1.
    :param rates: of the API, and ``sign_in`` of the dashboard, replacing ones that are never reached.
    """

    def __init__(self, gate: Gate, redis: str, *, sign_in: str = "100000/hour", **rates: str) -> None:
        self.plane: ControlPlane = gate.plane
        shared = {"audit": gate.settings["audit"], "rates": {**RATES, "url": f"{redis}/0", **rates}}
        self.api = Api(self.plane, processes=PROCESSES, settings=shared)
        self.api_balancer = Balancer([port_of(url) for url in self.api.urls])
        self.dashboard = Dashboard(
            address(self.api_balancer),
            {"sessions": {"url": f"{redis}/1", "hours": 1}, "rates": {"signIn": sign_in}},
            processes=PROCESSES,
        )
        self.dashboard_balancer = Balancer([port_of(url) for url in self.dashboard.urls])
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for balancer in (self.api_balancer, self.dashboard_balancer):
                stack.callback(balancer.close)
            stack.enter_context(self.api)
            stack.enter_context(self.dashboard)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def caller(self, user: str) -> ApiClient:
        """Return a client of the API's single address: each request is a new connection, so it goes to the next
        process.
        """
        return ApiClient(address(self.api_balancer), token_of(self.plane, user))

    def visitor(self) -> Visitor:
        """Return a browser at the dashboard's single address; each request is a new connection."""
        visitor = Visitor(address(self.dashboard_balancer))
        visitor.session.headers["Connection"] = "close"
        return visitor
