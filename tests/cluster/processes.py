"""Child processes that log to a file and never outlive this process, and the ports they listen on."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

LAUNCHER = Path(__file__).with_name("die_with_parent.py")

# The kernel ties a child to the thread that forked it. This one lives as long as the interpreter.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports of 127.0.0.1 that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def free_address(port: int) -> str:
    """A loopback address on which nothing listens on that port: Linux has 16 million of them.

    :raise OSError: something listens on that port of every address.
    """
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    with socket.socket() as probe:
        probe.bind((address, port))
    return address


def tail(path: Path, lines: int = 15) -> str:
    """The last `lines` lines of a log file; empty when there is none."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


class Process:
    """One program; it can be killed and started again, and appends to the same log file each time.

    :param command: absolute path of the program, then its arguments.
    :param env: its whole environment; this process' own when None.
    """

    def __init__(self, name: str, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.env = env
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, else None."""
        return self._popen.pid if self._popen and self._popen.poll() is None else None

    def start(self) -> None:
        """:raise RuntimeError: it runs already."""
        if self.pid:
            raise RuntimeError(f"{self.name} runs already (process {self.pid}); stop it first")
        self._popen = _spawner.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-IS", str(LAUNCHER), str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                start_new_session=True,  # a Ctrl-C in the terminal is for us: we stop the programs in order
            )

    def failure(self) -> str | None:
        """Why it is not running, with the end of its log; None while it runs."""
        if self.pid:
            return None
        code = self._popen.returncode if self._popen else None
        return f"{self.name} ended with {code}; its log {self.log} ends with:\n{tail(self.log)}"

    def kill(self) -> None:
        """End it and all it started at once (SIGKILL), as a crash of their container would."""
        if self._popen is not None and self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)  # it leads its own session
            self._popen.wait()

    def freeze(self) -> None:
        """Let it and all it started do nothing until `thaw`; what was under way goes on then."""
        os.killpg(self._running(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self._running(), signal.SIGCONT)

    def _running(self) -> int:
        if not self.pid:
            raise RuntimeError(f"{self.name} does not run: start it first")
        return self.pid

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to end (SIGTERM), and kill it if it has not within `timeout` seconds."""
        if self._popen is None:
            return
        self._popen.terminate()
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
