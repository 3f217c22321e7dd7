"""Find or build the real Metacontroller for the demo, if this machine can."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ..cache import cache_home
from ..cluster.loops import find_metacontroller

SCRIPT = Path(__file__).parents[2] / ".ci" / "metacontroller"
REPOSITORY = "https://github.com/metacontroller/metacontroller"
REACHED_SECONDS = 10


def bring(console: Console) -> None:
    """Set METACONTROLLER to the real Metacontroller: an installed one, otherwise one built from its public repository.

    If neither is possible, the demo uses the stand-in and shows the reason.
    """
    if find_metacontroller():
        return
    if reason := _why_not():
        console.print(f"Metacontroller is not on PATH, and {escape(reason)}: a stand-in takes its place.")
        return
    console.print("Metacontroller is built from its public repository; the first time takes a few minutes.")
    built = subprocess.run([SCRIPT, cache_home()], capture_output=True, text=True, check=False)
    if built.returncode:
        why = (built.stderr.strip().splitlines() or ["no output"])[-1]
        console.print(f"It can't be built ({escape(why)}): a stand-in takes its place.")
        return
    os.environ["METACONTROLLER"] = built.stdout.strip().partition("=")[2]


def _why_not() -> str:
    for program in ("git", "go"):
        if not shutil.which(program):
            return f"there is no {program} to build it with"
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        reached = subprocess.run(
            ["git", "ls-remote", "--exit-code", REPOSITORY, "HEAD"],
            env=environment,
            capture_output=True,
            timeout=REACHED_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        reached = 1
    return f"{REPOSITORY} can't be reached" if reached else ""
