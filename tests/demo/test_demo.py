"""The demo, run as a user runs it, on the local control plane."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil


def test_the_demo_makes_three_ready_stores_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("tests.demo", "--local", "--exit", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("corner-shop", "book-shop", "department-store"):
        assert f"{name:<18} ✓ Ready            the shop is open at http" in done.stdout
    assert left_in(tmp_path) == []


def test_the_demo_ends_with_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # Where the tests run in the background of a shell, Ctrl-C is ignored, which children inherit.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "tests.demo", "--local"]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        next(line for line in demo.stdout if "All three are Ready" in line)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert (demo.returncode, rest.splitlines()[-1]) == (0, "All is removed.")
    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[str]:
    """Files and processes that are still there."""
    processes = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [str(file) for file in folder.iterdir()] + [line for line in processes if str(folder) in line]


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
