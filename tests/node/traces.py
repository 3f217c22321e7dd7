"""What is visible of a node on the machine that it runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from . import cgroups
from .init import KERNEL
from .namespaces import Namespaces, run

# Settings of the machine that a node's programs would change.
SETTINGS = (*KERNEL, "net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/netfilter/nf_conntrack_max")


@dataclass(frozen=True)
class Identity:
    """What its traces are recognized by: its folder, its interface, and its PID and network namespaces."""

    home: str
    interface: str
    processes: str
    network: str

    @classmethod
    def of(cls, namespaces: Namespaces) -> Identity:
        """Return a running node's identity."""
        kinds = Path(f"/proc/{namespaces.pid}/ns")
        links = [str((kinds / kind).readlink()) for kind in ("pid", "net")]
        return cls(str(namespaces.folder), namespaces.interface, *links)

    def traces(self) -> list[str]:
        """Return its processes, mounts, loop devices, interface, control groups and folder that exist."""
        name = Path(self.home).name
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if name in line]
        loops = [str(file) for file in Path("/sys/block").glob("loop*/loop/backing_file") if name in _read(file)]
        interface = [self.interface] if Path("/sys/class/net", self.interface).exists() else []
        groups = [str(folder) for folder in cgroups.folders(name) if folder.exists()]
        home = [self.home] if Path(self.home).exists() else []
        return [*self._processes(), *mounts, *loops, *interface, *groups, *home]

    def _processes(self) -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                own = {str((process / "ns" / kind).readlink()) for kind in ("pid", "net")}
            except OSError:
                continue  # it has ended
            # Other tests of the platform use the machine's network; a node's control plane does not.
            if self.processes in own or self.network in own:
                found.append(f"process {process.name}: {_read(process / 'cmdline')}")
        return found


def settings() -> dict[str, str]:
    """Return the machine's own settings and packet filter rules, which no node changes."""
    found = {name: _read(Path("/proc/sys", name)) for name in SETTINGS}
    for table in ("iptables-save", "ip6tables-save"):
        found[table] = re.sub(r"^#.*\n| \[\d+:\d+\]$", "", run(table), flags=re.MULTILINE)  # times and counters
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text().replace("\0", " ").strip()
    except OSError:
        return ""
