"""Namespaces that a node lives in: a network, mounts and processes of its own, and a cable to this machine.

When the first process of them ends, the kernel ends every other one, and with the last one network and mounts are gone:
however this process ends, nothing is left.
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
# RFC 2544 reserves 198.18.0.0/15 for tests of network devices: no machine's own network is there.
NETWORKS = 250
VOLUMES_SIZE = 8 << 30


class Namespaces:
    """One network, one mount and one PID namespace.

    :param folder: for what is mounted, and for logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [program("unshare"), "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._first = Process("init", [*command, sys.executable, "-IS", str(INIT), str(folder)], folder / "init.log")

    def start(self) -> None:
        """Make them. ``address`` is then this machine's end of the cable, ``node_address`` the other one.

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
        """What comes in front of a command to run it in there.

        :param processes: among the node's processes too; then the program is a child of the one that is started.
        """
        kinds = ["--net", "--mount", "--pid"] if processes else ["--net"]
        return [program("nsenter"), f"--target={self.pid}", *kinds, "--"]

    def run(self, *command: str, stdin: str | None = None) -> str:
        """What a command prints in there. :raise RuntimeError: it failed, with what it said."""
        return run(*self.enter(), *command, stdin=stdin)

    def kill_all(self) -> None:
        """End every process in there at once, those of containers too, but for the first."""
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
    """A program among the node's processes."""

    def __init__(self, name: str, namespaces: Namespaces, command: list[str], log: Path) -> None:
        super().__init__(name, [*namespaces.enter(), *command], log, os.environ)

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to end; what was started waits for it."""
        if self.pid:
            for child in children(self.pid):
                os.kill(child, signal.SIGTERM)
            try:
                wait_until(lambda: not self.pid, f"{self.name} has ended", timeout)
            except AssertionError:
                self.kill()


def children(pid: int | None) -> list[int]:
    """Ids of a process' children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def program(name: str) -> str:
    """The absolute path of a program that a root's PATH would have. :raise FileNotFoundError: it is not installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if not found:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def run(name: str, *arguments: str, stdin: str | None = None) -> str:
    """What a command prints. :raise RuntimeError: it failed, with what it said."""
    command = [program(name), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if done.returncode:
        shown = re.sub(r"\s+", " ", " ".join([name, *arguments]))[:200]
        raise RuntimeError(f"{shown} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
