"""Build the control plane's one Go program, once, into the user's cache."""

import contextlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..cache import cache_home, cached
from .processes import tail
from .toolchain import BuildError, environment, find_go

SOURCES = Path(__file__).with_name("controlplane")
STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast", "volume/fast")


@dataclass(frozen=True)
class Binary:
    """A finished build.

    `stages` is a directory of KWOK's Stage files, which play nodes, pods and volumes, and its StorageClass.
    """

    program: Path
    stages: Path


def build() -> Binary:
    """The program, from the cache if it was built before. Safe to call from several processes at once.

    :raise BuildError: it could not be built; the message says why and what to do.
    """
    home = cached("controlplane", (SOURCES / name for name in ("main.go", "go.mod", "go.sum")), _build_into)
    return Binary(home / "controlplane", home / "stages")


def _build_into(folder: Path) -> None:
    mod = (SOURCES / "go.mod").read_text()
    go = find_go(_go_version(mod), cache_home())
    _compile(go, mod, folder)
    _copy_stages(go, folder / "stages")


def _go_version(mod: str) -> tuple[int, int, int]:
    major, minor, patch = _find(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", mod)
    return int(major), int(minor), int(patch or 0)


def _ldflags(mod: str) -> str:
    """Strip the program, and tell it its version, or clients cannot read what version the server has."""
    version, major, minor = _find(r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\.\d+)$", mod)
    package = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def _find(pattern: str, mod: str) -> tuple[str, ...]:
    if match := re.search(pattern, mod, re.MULTILINE):
        return match.groups()
    raise BuildError(f"{SOURCES / 'go.mod'} has no line like {pattern!r}; restore the file")


def _compile(go: Path, mod: str, into: Path) -> None:
    log = into / "build.log"
    total = len(_go(go, "list", "-deps", ".").splitlines())
    flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", _ldflags(mod)]
    command = [str(go), "build", *flags, "-o", str(into), "."]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=SOURCES, env=environment(go), stdout=output, stderr=output)
        try:
            code = _wait(process, log, total)
        finally:
            process.kill()
    if code != 0:
        raise BuildError(
            f"`{' '.join(command)}` in {SOURCES} ended with {code}. A compiler that was killed needs more "
            f"memory (about 4 GB); a module that was not found needs the network or a filled module cache. "
            f"The log {log} ends with:\n{tail(log)}"
        )


def _wait(process: subprocess.Popen[bytes], log: Path, total: int) -> int:
    """Wait for the compiler, with one line that counts up on a terminal and a line every 30 s elsewhere."""
    live = sys.stderr.isatty()
    begun = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1 if live else 30)
        done = log.read_bytes().count(b"\n")
        line = f"control plane: {done} of at most {total} packages compiled, {time.monotonic() - begun:.0f} s"
        ended = process.returncode is not None
        start, end = ("\r", "\n" if ended else "") if live else ("", "\n")
        print(f"{start}{line}", end=end, file=sys.stderr, flush=True)
        if ended:
            return process.returncode


def _go(go: Path, *arguments: str) -> str:
    """The output of a go command in the sources' module, downloading the modules it needs."""
    command = [str(go), *arguments]
    result = subprocess.run(command, cwd=SOURCES, env=environment(go), capture_output=True, text=True)
    if result.returncode != 0:
        raise BuildError(
            f"`go {' '.join(arguments)}` in {SOURCES} failed. It needs the Go module proxy (or GOPROXY set "
            f"to one you can reach):\n{result.stderr.strip()[-2000:]}"
        )
    return result.stdout


def _copy_stages(go: Path, into: Path) -> None:
    module = Path(_go(go, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok").strip())
    for stage in STAGES:
        (into / stage).mkdir(parents=True)
        for source in (module / "kustomize" / "stage" / stage).glob("*.yaml"):
            if source.name != "kustomization.yaml":
                (into / stage / source.name).write_bytes(source.read_bytes())
