"""A Job that is killed at many points of its work, each time a little further on."""

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
    """Run a Job's containers again and again, and kill what runs once it has done 1/31, 2/31, ... of all there is,
    and at least one thing since it began. How many were killed in the midst of their work.

    :param done: how much there is in the database now.
    :param total: how much there is after an undisturbed run.
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
                break  # the Job's next pod begins anew
    return killed


def run_until_write(container: Callable[[int], Container], port: int, kill_at: int) -> int:
    """Run a container that writes to PostgreSQL, and kill all of it before its write number ``kill_at``; how many
    writes there were. It is not killed where that is 0.

    :param container: the one for a server at that port.
    :param port: the server's own.
    :raise AssertionError: it ended otherwise than it should; the message ends with its log.
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
