"""A Go module of this repository, and building it."""

import contextlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..cache import cache_home
from .processes import tail
from .toolchain import BuildError, environment, find_go


@dataclass(frozen=True)
class GoModule:
    """A folder with a go.mod; ``what`` names what is built, for messages."""

    folder: Path
    what: str

    @property
    def sources(self) -> list[Path]:
        """Return what a build depends on."""
        files = [file for file in self.folder.iterdir() if file.suffix in (".go", ".mod", ".sum")]
        return sorted(files, key=lambda file: (file.suffix, file.name))

    def find(self, pattern: str) -> tuple[str, ...]:
        """Return the groups of a pattern's match in go.mod.

        :raise BuildError: there is none.
        """
        if match := re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE):
            return match.groups()
        raise BuildError(f"{self.folder / 'go.mod'} has no line like {pattern!r}; restore the file")

    def go(self) -> Path:
        """Return a sufficiently new Go toolchain.

        :raise BuildError: none can be found or installed.
        """
        major, minor, patch = self.find(r"^go (\d+)\.(\d+)(?:\.(\d+))?$")
        return find_go((int(major), int(minor), int(patch or 0)), cache_home())

    def run(self, *arguments: str) -> str:
        """Return the output of a go command, downloading the modules it needs.

        :raise BuildError: it failed.
        """
        command = [str(go := self.go()), *arguments]
        result = subprocess.run(command, cwd=self.folder, env=environment(go), capture_output=True, text=True)
        if result.returncode != 0:
            raise BuildError(
                f"`go {' '.join(arguments)}` in {self.folder} failed. It needs the Go module proxy (or GOPROXY set "
                f"to one you can reach):\n{result.stderr.strip()[-2000:]}"
            )
        return result.stdout

    def compile(self, into: Path, package: str = ".", ldflags: str = "-s -w") -> None:
        """Build the program into the folder ``into``, which then also has a ``build.log``.

        :raise BuildError: it could not be built; the message says why and what to do.
        """
        go, log = self.go(), into / "build.log"
        total = len(self.run("list", "-deps", package).splitlines())
        flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", ldflags]
        command = [str(go), "build", *flags, "-o", str(into), package]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=self.folder, env=environment(go), stdout=output, stderr=output)
            try:
                code = self._wait(process, log, total)
            finally:
                process.kill()
        if code != 0:
            raise BuildError(
                f"`{' '.join(command)}` in {self.folder} ended with {code}. A compiler that was killed needs more "
                f"memory (about 4 GB); a module that was not found needs the network or a filled module cache. "
                f"The log {log} ends with:\n{tail(log)}"
            )

    def _wait(self, process: subprocess.Popen[bytes], log: Path, total: int) -> int:
        """Wait for the compiler, with one line that counts up on a terminal and a line every 30 s elsewhere."""
        live = sys.stderr.isatty()
        begun = time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1 if live else 30)
            done = log.read_bytes().count(b"\n")
            line = f"{self.what}: {done} of at most {total} packages compiled, {time.monotonic() - begun:.0f} s"
            ended = process.returncode is not None
            start, end = ("\r", "\n" if ended else "") if live else ("", "\n")
            print(f"{start}{line}", end=end, file=sys.stderr, flush=True)
            if ended:
                return process.returncode
