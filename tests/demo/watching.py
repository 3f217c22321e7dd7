"""Print stores' conditions as they change, one line each."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .cluster import Cluster

EVERY = 0.3
COLORS = {
    "Ready": "green",
    "Failed": "red",
    "Degraded": "yellow",
    "Suspending": "blue",
    "Suspended": "blue",
    "Terminating": "magenta",
}


class Watching:
    """Print each change of a cluster's Stores since this was created."""

    def __init__(self, cluster: Cluster, console: Console) -> None:
        self.cluster, self.console = cluster, console
        self.started = time.monotonic()
        self.stores: dict[str, dict[str, Any]] = {}
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}

    def until_ready(self, seconds: float) -> dict[str, str]:
        """Print changes until all Stores are Ready or the time is over; return what blocks each one that is not."""
        while blocked := self._look():
            if time.monotonic() - self.started > seconds:
                break
            time.sleep(EVERY)
        return blocked

    def forever(self) -> None:
        """Print changes until Ctrl-C."""
        while True:
            self._look()
            time.sleep(EVERY)

    def table(self) -> Table:
        """Return the latest state of the Stores as a table."""
        table = Table("store", "plan", "phase", "address")
        for name, store in self.stores.items():
            status = store.get("status", {})
            table.add_row(name, store["spec"]["plan"], _colored(status.get("phase", "")), status.get("url", ""))
        return table

    def _look(self) -> dict[str, str]:
        now = {store["metadata"]["name"]: store for store in self.cluster.stores()}
        for name in self.stores.keys() - now.keys():
            self._say(name, "is gone")
            self._shown = {key: shown for key, shown in self._shown.items() if key[0] != name}
        self.stores = now
        blocked = {}
        for name, store in now.items():
            for condition in store.get("status", {}).get("conditions", []):
                self._show(name, condition)
            if store.get("status", {}).get("phase") != "Ready":
                blocked[name] = _message(store)
        return blocked

    def _show(self, name: str, condition: dict[str, Any]) -> None:
        seen = (condition["status"], condition["message"])
        old = self._shown.get((name, condition["type"]))
        if old == seen or condition["reason"] == "Waiting":
            return
        self._shown[name, condition["type"]] = seen
        if condition["type"] == "Progressing" or (condition["type"], condition["status"]) == ("Ready", "False"):
            return  # they repeat another condition
        sign = "[green]✓[/]" if condition["status"] == "True" else "[yellow]…[/]"
        self._say(name, f"{sign} {condition['type']:<16} {escape(condition['message'])}")

    def _say(self, name: str, what: str) -> None:
        self.console.print(f"{time.monotonic() - self.started:6.1f}s  {name:<18} {what}")


def _message(store: dict[str, Any]) -> str:
    conditions = store.get("status", {}).get("conditions", [])
    return next((c["message"] for c in conditions if c["type"] == "Ready"), "the platform has not answered for it yet")


def _colored(phase: str) -> str:
    return f"[{COLORS[phase]}]{phase}[/]" if phase in COLORS else phase
