"""The programs that tests start, and the ports they give to them."""

import subprocess
import sys
from pathlib import Path

import pytest

from .processes import Process, free_ports
from .waiting import wait_until

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_two_test_processes_never_get_the_same_port() -> None:
    # The same seed, so both try the same ports in the same order.
    ask = "random.seed(1); print(*free_ports(50), flush=True); input()"
    program = f"import random; from tests.cluster.processes import free_ports; {ask}"
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ports = [process.stdout.readline().split() for process in processes if process.stdout]
    for process in processes:
        process.communicate("\n")
    assert len({*ports[0], *ports[1]}) == 100


def test_ports_are_outside_of_the_range_for_clients() -> None:
    first, last = map(int, EPHEMERAL.read_text().split())
    assert not set(free_ports(20)) & set(range(first, last + 1))


@pytest.mark.parametrize("ended", ["stop", "kill", "crash"])
def test_stopping_a_program_stops_its_children(tmp_path: Path, ended: str) -> None:
    child = "import os; child = os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '600'); print(child, flush=True)"
    log, parent = tmp_path / "log", f"{child}; {'' if ended == 'crash' else 'import time; time.sleep(600)'}"
    process = Process("parent", [sys.executable, "-c", parent], log)
    process.start()
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the child is started")
    if ended == "crash":
        wait_until(lambda: process.failure() is not None, "the parent has ended")
    (process.kill if ended == "kill" else process.stop)()
    place = Path("/proc") / log.read_text().strip() / "stat"
    wait_until(lambda: not place.exists() or place.read_text().split()[2] == "Z", "the child has ended")
