"""What takes long to build is kept in the user's cache, by the hash of what it is built from.

A folder appears under its name only when it is complete, so there is no half-built state. What nobody used for a month
goes when the next of its name is built.
"""

import hashlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

UNUSED_SECONDS = 30 * 24 * 3600


def cache_home() -> Path:
    """Where builds are kept: `store-platform` below XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "store-platform"


def cached(name: str, sources: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """The folder `<name>-<hash of the sources and the machine type>`. Safe to call from several processes at once.

    :param build: fills an empty folder; called where the cache has none. What it raises leaves nothing behind.
    """
    home = cache_home() / f"{name}-{_hash(sources)}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home.with_suffix(".lock")):
            if not home.exists():
                partial = home.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                build(partial)
                partial.rename(home)
                _prune(name)
    os.utime(home)  # it is used
    return home


def _prune(name: str) -> None:
    for other in cache_home().glob(f"{name}-*"):
        if other.is_dir() and time.time() - other.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(other)
            other.with_suffix(".lock").unlink(missing_ok=True)


def _hash(sources: Iterable[Path]) -> str:
    digest = hashlib.sha256(platform.machine().encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
