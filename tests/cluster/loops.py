"""The controller as a process: Metacontroller if available, otherwise the stand-in."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .processes import Process

STAND_IN = "stand-in"
CONFLICT = "the object has been modified"
FLAGS = (
    "--workers=4",
    "--client-go-qps=300",
    "--client-go-burst=600",
    "--discovery-interval=2s",
    "--metrics-address=0",
    "--health-probe-bind-address=0",
    "--zap-encoder=json",
    "--zap-devel=false",
)
# As in the chart.
ENVIRONMENT = {"GOGC": "50"}


def find_metacontroller() -> str | None:
    """Return the path of Metacontroller: METACONTROLLER, or the one on PATH; None if there is none."""
    named = os.environ.get("METACONTROLLER")
    if named and not shutil.which(named):
        raise FileNotFoundError(f"METACONTROLLER names {named}, which is no program; correct or unset it")
    return shutil.which(named or "metacontroller")


class Loop:
    """One controller process for one API server.

    :param which: "metacontroller", "stand-in", or None for Metacontroller if available.
    :param flags: more flags for Metacontroller; the stand-in takes none.
    :raise FileNotFoundError: Metacontroller was requested and is missing.
    """

    def __init__(self, kubeconfig: Path, log: Path, which: str | None = None, flags: tuple[str, ...] = ()) -> None:
        program = None if which == STAND_IN else find_metacontroller()
        if which == "metacontroller" and not program:
            raise FileNotFoundError("there is no metacontroller on PATH; install it or set METACONTROLLER")
        self.which = f"metacontroller ({program})" if program else STAND_IN
        arguments = [f"--kubeconfig={kubeconfig}"]
        command = [program, *arguments, *FLAGS, *flags] if program else [*_stand_in(), *arguments]
        self._process = Process("the loop", command, log, _environment())

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid

    def start(self) -> None:
        """Start it, and print on stderr which one it is."""
        print(f"the loop is {self.which}", file=sys.stderr, flush=True)
        self._process.start()

    def kill(self) -> None:
        """Kill it as a crash would."""
        self._process.kill()

    def freeze(self) -> None:
        """Freeze it until `thaw`."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let it continue."""
        self._process.thaw()

    def stop(self) -> None:
        """Stop it gracefully."""
        self._process.stop()

    def failure(self) -> str | None:
        """Return why it is not running, with the end of its log; None while it runs."""
        return self._process.failure()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Return its log so far; a line that is not JSON becomes {"level": "text", "msg": <line>}."""
        if not self._process.log.exists():
            return
        for line in self._process.log.read_text(errors="replace").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"level": "text", "msg": line}

    def log_errors(self) -> list[str]:
        """Return what it logged as errors, without write conflicts, which are normal."""
        errors = [line for line in self.lines() if line["level"] in ("error", "dpanic", "panic", "fatal")]
        texts = [f"{line['msg']}: {line.get('error', '')}" for line in errors]
        return [text for text in texts if CONFLICT not in text]


def _stand_in() -> list[str]:
    return [sys.executable, "-m", f"{__package__}.loop"]


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[(__package__ or "").count(".") + 1])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root])}
