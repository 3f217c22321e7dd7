"""The demo, run as a user runs it, on the local control plane."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from .controller import REPOSITORY, SCRIPT, bring

# Independent of what this machine can reach: the demo builds nothing here.
UNREACHABLE = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url./nowhere.insteadOf",
    "GIT_CONFIG_VALUE_0": REPOSITORY,
}


def test_the_demo_creates_three_ready_stores_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("tests.demo", "--simulated", "--exit", TMPDIR=str(tmp_path), **UNREACHABLE)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("corner-shop", "book-shop", "department-store"):
        assert f"{name:<18} ✓ Ready            the shop is open at http" in done.stdout
    assert left_in(tmp_path) == []


def test_ctrl_c_ends_the_demo_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # If tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "tests.demo", "--simulated"]
    with subprocess.Popen(
        command, env={**os.environ, **UNREACHABLE, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        next(line for line in demo.stdout if "All three are Ready" in line)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
    assert (demo.returncode, rest.splitlines()[-1]) == (0, "All is removed.")
    assert left_in(tmp_path) == []


def repository(tmp_path: Path, tag: str) -> dict[str, str]:
    """An environment in which Metacontroller's public repository is a local one, with a commit of that tag."""
    folder = tmp_path / "repository"
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=another"], check=True)
    subprocess.run([*git, "tag", tag], check=True)
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{folder}.insteadOf", "GIT_CONFIG_VALUE_0": REPOSITORY}


def test_a_moved_tag_of_metacontroller_is_not_built(tmp_path: Path) -> None:
    environment = {**os.environ, **repository(tmp_path, "v4.17.2")}
    built = subprocess.run([SCRIPT, tmp_path / "built"], env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout, list((tmp_path / "built").iterdir())) == (1, "", [])
    assert "check what happened to the tag" in built.stderr


@pytest.mark.parametrize(("tag", "reason"), [("v4.17.2", "It can't be built"), ("", "can't be reached")])
def test_without_metacontroller_the_stand_in_and_the_reason_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tag: str, reason: str
) -> None:
    environment = repository(tmp_path, tag) if tag else UNREACHABLE
    programs = [shutil.which(each) for each in ("git", "go", "bash")]
    if not all(programs):
        pytest.skip("git and go are needed to try to build it")
    folder = tmp_path / "programs"
    folder.mkdir()
    for each in ("git", "go", "bash", "env", "mktemp", "mkdir", "rm", "timeout", "mv"):
        (folder / each).symlink_to(str(shutil.which(each)))
    monkeypatch.delenv("METACONTROLLER", raising=False)
    for name, value in {**environment, "PATH": str(folder), "XDG_CACHE_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    shown = io.StringIO()
    bring(Console(file=shown, width=500))
    assert reason in shown.getvalue()
    assert "a stand-in takes its place" in shown.getvalue()
    assert "METACONTROLLER" not in os.environ


def left_in(folder: Path) -> list[str]:
    """Return files and processes that still exist."""
    processes = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [str(file) for file in folder.iterdir()] + [line for line in processes if str(folder) in line]


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
