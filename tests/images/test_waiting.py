"""What connects to the database at start-up waits while it refuses connections, as during a network policy's start."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from storeplatform.templates import ENGINES

from ..cluster.processes import free_ports
from ..debian import need
from ..shop.node import node_folder


def medusa(port: int, _: Path) -> subprocess.Popen[bytes]:
    script = ENGINES / "medusa" / "images" / "backend" / "await-database.js"
    url = f"postgres://medusa:p%40ss@127.0.0.1:{port}/medusa?sslmode=disable"
    return subprocess.Popen([node_folder() / "node", script], env={**os.environ, "DATABASE_URL": url})


def wordpress(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """WordPress' ``cron``, with nothing to do after the wait."""
    need("php-cli")
    script = folder / "store-woocommerce"
    script.write_bytes((ENGINES / "woocommerce" / "images" / "wordpress" / "store-woocommerce").read_bytes())
    shutil.copytree(ENGINES / "woocommerce" / "images" / "wordpress" / "provision", folder / "provision")
    (folder / "html").mkdir()
    (folder / "html" / "wp-cron.php").write_text("<?php")
    env = {**os.environ, "DATABASE_HOST": f"127.0.0.1:{port}"}
    return subprocess.Popen(["sh", script, "cron"], env=env)


@pytest.mark.parametrize("start", [medusa, wordpress])
def test_a_database_that_refuses_at_first_is_waited_for(
    start: Callable[[int, Path], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with start(port, tmp_path) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
        with socket.create_server(("127.0.0.1", port)):
            assert waiting.wait(60) == 0
