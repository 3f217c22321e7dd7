"""The control group of a node's pods, in cgroup version 1 or 2."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
# In version 1, the controllers that a kubelet needs, and where version 2 is mounted beside it.
CONTROLLERS = (
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "hugetlb",
    "memory",
    "pids",
    "systemd",
    "unified",
)
REQUIRED = ("cpu", "cpuset", "memory", "pids")
# Processor shares, by version: otherwise all pods together would get as much as one process beside them.
WEIGHTS = {"cpu.shares": "10240", "cpu.weight": "1000"}


def lacking() -> list[str]:
    """Return what a kubelet needs and this machine does not have."""
    unified = MOUNT / "cgroup.controllers"
    offered = unified.read_text().split() if unified.exists() else [each.name for each in MOUNT.iterdir()]
    return [each for each in REQUIRED if each not in offered]


def folders(name: str) -> list[Path]:
    """Return the group's folder in every hierarchy."""
    if (MOUNT / "cgroup.controllers").exists():
        return [MOUNT / name]
    return [MOUNT / each / name for each in CONTROLLERS if (MOUNT / each).is_dir()]


def make(name: str) -> None:
    """Create the group, able to contain pods."""
    if (control := MOUNT / "cgroup.subtree_control").exists():
        offered = (MOUNT / "cgroup.controllers").read_text().split()
        control.write_text(" ".join(f"+{each}" for each in offered))
    for folder in folders(name):
        folder.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # version 1 gives none to a new group
            if folder.parent.name == "cpuset":
                (folder / setting).write_text((folder.parent / setting).read_text())
        for setting, weight in WEIGHTS.items():
            if (folder / setting).exists():
                (folder / setting).write_text(weight)


def processes(name: str) -> list[str]:
    """Return the ids of all processes in the group and below it."""
    files = [folder / "cgroup.procs" for top in folders(name) for folder in [top, *top.rglob("*/")]]
    found: list[str] = []
    for file in files:
        with contextlib.suppress(OSError):  # a group that was removed meanwhile
            found += file.read_text().split()
    return found


@contextmanager
def starved(name: str) -> Iterator[None]:
    """Limit the group and everything below it to a hundredth of a core during the context."""
    top = MOUNT / name / "cpu.max"
    if top.exists():
        before, limit = {top: top.read_text()}, "1000 100000"
    else:  # version 1 does not allow a group more than its parents have
        top, limit = MOUNT / "cpu" / name / "cpu.cfs_quota_us", "1000"
        files = sorted(top.parent.rglob(top.name), key=lambda file: len(file.parts))
        texts = {file: file.read_text() for file in files}
        before = {file: text for file, text in texts.items() if file == top or int(text) > 0}
    for file in reversed(before):
        file.write_text(limit)
    try:
        yield
    finally:
        for file, text in before.items():
            with contextlib.suppress(FileNotFoundError):  # a container that has ended
                file.write_text(text)


def memory(name: str, pod: str) -> int:
    """Return the bytes of a pod's memory, by its UID, including its page cache.

    :raise StopIteration: no such pod is in the group.
    """
    usage = {"memory.current", "memory.usage_in_bytes"}
    uids = (pod, pod.replace("-", "_"))
    files = (file for top in folders(name) for each in uids for file in top.rglob(f"*pod{each}*/memory.*"))
    return int(next(file for file in files if file.name in usage).read_text())


def remove(name: str) -> None:
    """Remove the group and those below it; nothing runs in them."""
    for top in filter(Path.exists, folders(name)):
        for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
