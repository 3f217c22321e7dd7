"""Debian's Redis, for tests that use the fixture ``redis``: its URL is the process' name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster.processes import Process, free_ports
from .cluster.waiting import wait_until
from .debian import need


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A Redis for the tests of a module, on the loopback interface, that stores nothing on disk."""
    need("redis-server")
    (port,) = free_ports(1)
    home = tmp_path_factory.mktemp("redis")
    command = ["/usr/bin/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    process = Process(f"redis://127.0.0.1:{port}/0", command, home / "redis.log")
    process.start()
    wait_until(lambda: "Ready to accept" in process.log.read_text(), "Redis is ready", 20, stop_if=process.failure)
    yield process
    process.stop()
