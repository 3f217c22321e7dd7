"""Cache long builds in the user's cache, by the hash of their sources.

A folder appears under its name only when it is complete, so there is no partial build. What was not used for a month is
removed when the next one of its name is built.
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
    """Return where builds are cached: `store-platform` below XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "store-platform"


def cached(name: str, sources: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """Return the folder `<name>-<hash of the sources and the machine type>`.

    Safe to call from several processes at once.

    :param build: fills an empty folder; called if the cache has none. If it raises, nothing is left behind.
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
    os.utime(home)  # marks it as used
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
