"""The smoke test and the demo, run as a user runs them, against the local control plane."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.cluster.controlplane import ControlPlane
from tests.stores.platform import Platform


def test_the_smoke_test_passes_on_a_working_platform() -> None:
    with ControlPlane() as plane, Platform(plane):
        done = run(
            "tests.smoke", KUBECONFIG=str(plane.kubeconfig("admin")), PATH=f"{plane.bin_dir}:{os.environ['PATH']}"
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["applied", "ready", "mended", "deleted"]


def test_the_demo_makes_three_ready_stores_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("tests.demo", "--local", "--exit", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("corner-shop", "book-shop", "department-store"):
        assert f"{name:<18} ✓ Ready            the shop is open at http" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert [p.pid for p in psutil.process_iter() if str(tmp_path) in " ".join(p.cmdline())] == []


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
