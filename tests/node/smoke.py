"""The smoke test as a user runs it, on a node that does other things meanwhile: much of it is waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

from ..cluster.processes import LAUNCHER
from .cluster import Cluster
from .versions import CRASHING, VERSION, VERSION_BEFORE

# Of one step, and of all of them.
STEP_SECONDS, ALL_SECONDS = 600, 1200


class Result(NamedTuple):
    """How it ended, and all that it printed."""

    code: int
    output: str


class Smoke:
    """One run of it, from now on. It ends with this process: alone it would wait for a cluster that is gone."""

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
        """Wait for its end. :raise subprocess.TimeoutExpired: there was none in time."""
        return Result(self._popen.wait(ALL_SECONDS), self._log.read_text())

    def kill(self) -> None:
        """End it; nothing happens where it has ended."""
        self._popen.kill()
        self._popen.wait()
