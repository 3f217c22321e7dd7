"""Child processes that log to a file and never outlive this process, and the ports they listen on."""

import contextlib
import errno
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LAUNCHER = Path(__file__).with_name("die_with_parent.py")

# The kernel ties a child to the thread that forked it. This thread lives as long as the interpreter.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


# Below the ports that Linux gives to clients (32768 and up, net.ipv4.ip_local_port_range) and that Kubernetes gives to
# Services (30000 and up). From those, any program's connection could take a port before its server listens.
_SERVER_PORTS = range(10000, 30000)
_reserved: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that nothing listens on, and that no other test process gets while this one
    lives.
    """
    ports: list[int] = []
    for port in random.sample(_SERVER_PORTS, len(_SERVER_PORTS)):
        if len(ports) == count:
            break
        if _reserve(port):
            ports.append(port)
    return ports


def _reserve(port: int) -> bool:
    """Whether the port is reserved by this process: an abstract socket of its name lasts as long as the process."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0store-platform-tests-port-{port}")
        with socket.socket() as probe:
            probe.bind(("", port))
    except OSError as error:
        name.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    _reserved.append(name)
    return True


def free_address(port: int) -> str:
    """Return a loopback address on which nothing listens on that port: Linux has 16 million of them.

    :raise OSError: something listens on that port of every address.
    """
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    with socket.socket() as probe:
        probe.bind((address, port))
    return address


def tail(path: Path, lines: int = 15) -> str:
    """Return the last `lines` lines of a log file; "" if there are none."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def whole_lines(path: Path) -> list[str]:
    """Return the lines of a log file, without one that is still being written."""
    return path.read_text().rpartition("\n")[0].splitlines()


class Process:
    """One program; it can be killed and started again, and appends to the same log file each time.

    :param command: absolute path of the program, then its arguments.
    :param env: its complete environment; None for this process' own.
    """

    def __init__(self, name: str, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.env = env
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, otherwise None."""
        return self._popen.pid if self._popen and self._popen.poll() is None else None

    def start(self) -> None:
        """Start it.

        :raise RuntimeError: it is already running.
        """
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
                # a Ctrl-C in the terminal is for this process, which stops the programs in order
                start_new_session=True,
            )

    def failure(self) -> str | None:
        """Return why it is not running, with the end of its log; None while it runs."""
        if self.pid:
            return None
        code = self._popen.returncode if self._popen else None
        return f"{self.name} ended with {code}; its log {self.log} ends with:\n{tail(self.log)}"

    def kill(self) -> None:
        """Kill it and all it started at once (SIGKILL), like a crash of their container."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError):  # nothing is left of it
            os.killpg(self._popen.pid, signal.SIGKILL)  # it leads its own session, and the group may outlive it
        self._popen.wait()

    def freeze(self) -> None:
        """Freeze it and all it started until `thaw`; work in progress continues then."""
        os.killpg(self._running(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue."""
        os.killpg(self._running(), signal.SIGCONT)

    def _running(self) -> int:
        if not self.pid:
            raise RuntimeError(f"{self.name} does not run: start it first")
        return self.pid

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to stop (SIGTERM), wait at most `timeout` seconds, and kill what is left of all it started."""
        if self._popen is None:
            return
        self._popen.terminate()
        self.await_end(timeout)
        self.kill()

    def await_end(self, timeout: float) -> bool:
        """Wait until it has ended; return whether it did within `timeout` seconds."""
        try:
            return self._popen is None or self._popen.wait(timeout) is not None
        except subprocess.TimeoutExpired:
            return False
