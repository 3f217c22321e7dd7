"""Namespaces for a node: its own network, mounts and processes, and a virtual cable to this machine.

When their first process ends, the kernel ends every other one, and then network and mounts disappear: however this
process ends, nothing is left.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ..cluster.processes import Process, tail
from ..cluster.waiting import wait_until

INIT = Path(__file__).with_name("init.py")
# RFC 2544 reserves 198.18.0.0/15 for tests of network devices, so no machine's network uses it.
NETWORKS = 250
VOLUMES_SIZE = 8 << 30


class Namespaces:
    """One network, one mount and one PID namespace.

    :param folder: for mounts and logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [program("unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._first = Process("init", [*command, sys.executable, "-IS", str(INIT), str(folder)], folder / "init.log")

    def start(self) -> None:
        """Create them. ``address`` is then this machine's end of the cable, ``node_address`` the other one.

        ``interface`` is the network device of this machine's end.
        """
        with (self.folder / "volumes.img").open("wb") as image:
            image.truncate(VOLUMES_SIZE)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(self.folder / "volumes.img"))
        self._first.start()
        try:
            wait_until(self._ready, "the namespaces are ready", 120, stop_if=self._first.failure)
            self.pid = children(self._first.pid)[0]
            self._connect()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything that runs in them."""
        self._first.kill()

    def enter(self, *, processes: bool = True) -> list[str]:
        """Return the prefix of a command that runs it inside.

        :param processes: also in the PID namespace; then the program is a child of the started process.
        """
        kinds = ["--net", "--mount", "--pid"] if processes else ["--net"]
        return [program("nsenter"), f"--target={self.pid}", *kinds, "--"]

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Return the output of a command run inside.

        :raise RuntimeError: it failed; the message contains its error.
        """
        return run(*self.enter(), *command, stdin=stdin)

    def kill_all(self) -> None:
        """Kill all processes inside at once, including containers', except the first."""
        script = "kill -KILL -1 2>/dev/null || :; echo /proc/[0-9]*"  # the shell itself is spared
        wait_until(lambda: len(self.run("sh", "-c", script).split()) == 2, "nothing runs in the namespaces", 120)

    def _ready(self) -> bool:
        return tail(self._first.log).endswith("ready")

    def _connect(self) -> None:
        for number in range(NETWORKS):
            self.interface, network = f"shopnode{number}", f"198.18.{number}"
            peer = ("peer", "name", "eth0", "netns", str(self.pid))
            command = [program("ip"), "link", "add", self.interface, "type", "veth", *peer]
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode == 0:
                break
            if "exists" not in made.stderr:
                raise RuntimeError(f"a pair of network devices can't be made: {made.stderr.strip()}")
        else:
            raise RuntimeError(f"{NETWORKS} nodes are on this machine already; end some")
        self.address, self.node_address = f"{network}.1", f"{network}.2"
        run("ip", "address", "add", f"{self.address}/30", "dev", self.interface)
        run("ip", "link", "set", self.interface, "up")
        inside = self.enter(processes=False)
        run(*inside, "ip", "address", "add", f"{self.node_address}/30", "dev", "eth0")
        run(*inside, "ip", "link", "set", "eth0", "up")
        run(*inside, "ip", "route", "add", "default", "via", self.address)


class Inside(Process):
    """A program in the node's PID namespace."""

    def __init__(self, name: str, namespaces: Namespaces, command: list[str], log: Path) -> None:
        super().__init__(name, [*namespaces.enter(), *command], log, os.environ)

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to stop; the process that was started waits for it."""
        if self.pid:
            for child in children(self.pid):
                os.kill(child, signal.SIGTERM)
            try:
                wait_until(lambda: not self.pid, f"{self.name} has ended", timeout)
            except AssertionError:
                self.kill()


def children(pid: int | None) -> list[int]:
    """Return the ids of a process' children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def program(name: str) -> str:
    """Return the absolute path of a program on a root's PATH.

    :raise FileNotFoundError: it is not installed.
    """
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def run(name: str, *arguments: str, stdin: str | None = None) -> str:
    """Return a command's output.

    :raise RuntimeError: it failed; the message contains its error.
    """
    command = [program(name), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode:
        shown = re.sub(r"\s+", " ", " ".join([name, *arguments]))[:200]
        raise RuntimeError(f"{shown} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
