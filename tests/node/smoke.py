"""Run the smoke test like a user, on a node that does other things meanwhile: much of it is waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

from ..cluster.processes import LAUNCHER
from .cluster import Cluster
from .versions import CRASHING, VERSION, VERSION_BEFORE

# In seconds: for one step, and for all of them.
STEP_SECONDS, ALL_SECONDS = 600, 1200


class Result(NamedTuple):
    """Its exit code and output."""

    code: int
    output: str


class Smoke:
    """A run of it, started immediately.

    It ends with this process: alone it would wait for a cluster that no longer exists.
    """

    def __init__(self, real: Cluster) -> None:
        plane = real.plane
        path = f"{plane.bin_dir}:{os.environ['PATH']}"
        env = {**os.environ, "KUBECONFIG": str(plane.kubeconfig("admin")), "PATH": path}
        options = [f"--base-url={real.base_url}", f"--from-version={VERSION_BEFORE}", f"--upgrade-to={VERSION}"]
        options += [f"--bad-version={CRASHING}", f"--seconds={STEP_SECONDS}"]
        tied = [sys.executable, "-IS", str(LAUNCHER), str(os.getpid())]
        self._log = real.node.home / "smoke.log"
        with self._log.open("wb") as log:
            self._popen = subprocess.Popen(
                [*tied, sys.executable, "-m", "tests.smoke", *options], env=env, stdout=log, stderr=subprocess.STDOUT
            )

    def result(self) -> Result:
        """Wait for its end.

        :raise subprocess.TimeoutExpired: it did not end in time.
        """
        return Result(self._popen.wait(ALL_SECONDS), self._log.read_text())

    def kill(self) -> None:
        """Kill it; do nothing if it has ended."""
        self._popen.kill()
        self._popen.wait()
