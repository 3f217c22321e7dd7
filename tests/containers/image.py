"""How an image's Dockerfile starts its containers, and where its files are on this machine."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """``files``: folders or files of this machine, by their path in the image."""

    files: Mapping[str, Path]
    entrypoint: list[str]
    command: list[str] = field(default_factory=list)
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    stop_signal: str = "SIGTERM"


def built(dockerfile: Path, files: Mapping[str, Path], programs: list[Path]) -> Image:
    """Return the image that ``dockerfile``'s last stage builds, with its files taken from this machine.

    :param programs: folders whose programs come first on its PATH, like those of the base image.
    """
    text = dockerfile.read_text().replace("\\\n", " ")
    last = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1]
    said = dict(line.split(maxsplit=1) for line in last.splitlines()[1:] if re.match("[A-Z]+ ", line))
    env = dict(pair.split("=", 1) for pair in shlex.split(said.get("ENV", "")))
    env["PATH"] = ":".join([*map(str, programs), "/usr/local/bin", "/usr/sbin", "/usr/bin"])
    program, arguments = json.loads(said["ENTRYPOINT"]), json.loads(said.get("CMD", "[]"))
    return Image(files, program, arguments, env, said["WORKDIR"], said.get("STOPSIGNAL", "SIGTERM"))
