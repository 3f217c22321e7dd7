"""Kill a Job at many points of its work, each time slightly later."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

from ..cluster.waiting import wait_until
from ..containers.sandbox import Container
from .statements import Statements

POINTS = 30


def kill_at_points(containers: Callable[[], list[Container]], done: Callable[[], int], total: int) -> int:
    """Run a Job's containers repeatedly, and kill each run once it has done 1/31, 2/31, ... of everything, and at least
    one thing since it started. Return how many were killed during their work.

    :param done: returns how much the database contains now.
    :param total: how much it contains after an undisturbed run.
    """
    killed = 0
    for point in range(1, POINTS + 1):
        enough = max(total * point // (POINTS + 1), done() + 1)
        for container in containers():
            process = subprocess.Popen(
                container.process.command,
                env=container.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

            def far_enough(process: subprocess.Popen[bytes] = process, enough: int = enough) -> bool:
                return process.poll() is not None or done() >= enough

            wait_until(far_enough, f"{enough} of {total} are done", 300, interval=0.02)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if process.wait() != 0:
                killed += 1
                break  # the Job's next pod starts from the beginning
    return killed


def run_until_write(container: Callable[[int], Container], port: int, kill_at: int) -> int:
    """Run a container that writes to PostgreSQL, and kill it before its write number ``kill_at`` (0: never); return the
    number of writes.

    :param container: returns the container for a server at that port.
    :param port: the server's own.
    :raise AssertionError: it ended unexpectedly; the message ends with its log.
    """
    process: subprocess.Popen[str] | None = None

    def before(number: int) -> bool:
        if number == kill_at and process:
            os.killpg(process.pid, signal.SIGKILL)
        return number != kill_at

    statements = Statements(port, before)
    made = container(statements.port)
    try:
        process = subprocess.Popen(
            made.process.command,
            env=made.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        said = process.communicate()[0]
    finally:
        statements.close()
    wanted = -signal.SIGKILL if kill_at else 0
    assert process.returncode == wanted, f"{made.pod_name} ended with {process.returncode}:\n{said[-3000:]}"
    return statements.written
