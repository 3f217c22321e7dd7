"""Remove what a node leaves outside its namespaces, once the process that created it has ended, however it ended.

    python -m tests.node.remains GROUP FOLDER

The kernel ends the node's processes, and with them its network and mounts. Its control group and its folder outlive a
killed process, so this program waits for the end of its standard input, which only that process can write to. If it
reads KEEP first, the folder is kept.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ..cluster.waiting import wait_until
from . import cgroups

KEEP = b"keep\n"
ROOT = Path(__file__).parents[2]


class Remains:
    """They are removed when `remove` is called, or when this process ends.

    :param group: a control group.
    :param folder: a folder.
    """

    def __init__(self, group: str, folder: Path) -> None:
        command = [sys.executable, "-m", __name__, group, str(folder)]
        # In its own session, so that signals to this process' terminal or group do not end it.
        self._popen = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True)

    def remove(self, *, keep: bool = False) -> None:
        """Remove them now; every process of the node was asked to stop.

        :param keep: keep the folder for inspection.
        :raise RuntimeError: something could not be removed; stderr has the details.
        """
        self._popen.communicate(KEEP if keep else b"")
        if self._popen.returncode:
            raise RuntimeError(f"not everything of the node could be removed: {' '.join(self._popen.args)}")


def main(group: str, folder: Path) -> None:
    """Wait for the end of standard input, then for the end of every process of the group, and remove both."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    keep = sys.stdin.buffer.read() == KEEP
    wait_until(lambda: not cgroups.processes(group), f"every process of {group} has ended", 60)
    cgroups.remove(group)
    if not keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
