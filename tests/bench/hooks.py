"""Compare the hooks with a bare handler: syncs per second of a full Ready store, against a handler with the same HTTP
layer that parses the request and returns an empty list. Syncs are counted per second of the server's processor time, so
that neither the client's speed nor other programs matter; the two take turns, so that changes of the processor's speed
affect both.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import psutil
import requests
from rich.console import Console
from rich.table import Table

from storeplatform.hooks.settings import load_settings
from storeplatform.templates import ENGINES
from tests.cluster.processes import free_ports
from tests.hooks.world import World, store
from tests.values import write_settings

SECONDS = 2.0
ROUNDS = 5
TOKEN = "a token for the benchmark"
APPLICATIONS = {"hooks": "storeplatform.hooks.app:create_app()", "empty": "tests.bench.hooks:empty_app()"}


def empty_app() -> Any:
    """The hooks' HTTP layer around a core that parses the request and returns nothing."""
    from storeplatform.hooks import app

    app.sync = lambda request, settings: {"status": {"conditions": []}, "children": [], "finalized": False}
    return app.create_app()


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder))
        body = _ready_request(files)
        servers = {name: _serve(application, files) for name, application in APPLICATIONS.items()}
        try:
            waits: dict[str, list[float]] = {name: [] for name in servers}
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, (process, address) in servers.items():
                    before = _processor_seconds(process.pid)
                    taken = _load(address, body)
                    waits[name] += taken
                    rates[name].append(len(taken) / (_processor_seconds(process.pid) - before))
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
    table = Table("handler", "syncs a core-second", "p50 ms", "p99 ms", title=f"{len(body) // 1024} KB a request")
    for name, taken in waits.items():
        cuts = statistics.quantiles(taken, n=100)
        table.add_row(name, f"{statistics.median(rates[name]):.0f}", f"{cuts[49] * 1e3:.2f}", f"{cuts[98] * 1e3:.2f}")
    Console().print(table)
    ratio = statistics.median(a / b for a, b in zip(rates["hooks"], rates["empty"], strict=True))
    Console().print(f"ratio of the hooks to the empty handler: {ratio:.2f} (aim: 0.70)")


def _files(folder: Path) -> dict[str, str]:
    (folder / "root.key").write_text("a root key for the benchmark, not a secret\n")
    (folder / "token").write_text(TOKEN)
    return {
        "STORE_PLATFORM_SETTINGS": str(write_settings("hooks", folder / "settings.yaml")),
        "STORE_PLATFORM_ROOT_KEY_FILE": str(folder / "root.key"),
        "STORE_PLATFORM_TOKEN_FILE": str(folder / "token"),
    }


def _ready_request(files: dict[str, str]) -> bytes:
    """Return Metacontroller's request for a large store that is Ready, with the annotations that it stores."""
    settings = load_settings(
        Path(files["STORE_PLATFORM_SETTINGS"]), ENGINES, Path(files["STORE_PLATFORM_ROOT_KEY_FILE"])
    )
    world = World(settings, store(plan="large"))
    world.settle()
    return world.body()


def _serve(application: str, files: dict[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--worker-class=gthread", "--threads=4", "--keep-alive=75",
         f"--bind={address}", application],
        env={**os.environ, **files},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://{address}/readyz", timeout=1).ok:
                return process, address
        except requests.RequestException:
            time.sleep(0.05)
    process.kill()
    raise SystemExit(f"{application} did not answer within 30 s: run it manually to see why")


def _processor_seconds(pid: int) -> float:
    """Return the processor time that the server has used: gunicorn's main process and its worker."""
    server = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in [server, *server.children()])


def _load(address: str, body: bytes) -> list[float]:
    """Return the seconds of each exchange, one at a time over one connection, for SECONDS."""
    taken = []
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        started = time.perf_counter()
        connection.request("POST", "/sync", body, headers)
        content = connection.getresponse().read()
        taken.append(time.perf_counter() - started)
        orjson.loads(content)["children"]
    connection.close()
    return taken
