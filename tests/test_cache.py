"""What the build cache keeps, and for how long. (cluster/test_binary.py tests that it builds once and completely.)"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .cache import UNUSED_SECONDS, cached


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "made").write_text(text)


def built(home: Path, text: str, name: str = "thing") -> Path:
    source = home / "source"
    source.write_text(text)
    return cached(name, [source], lambda folder: write(folder, text))


def unused(folder: Path) -> None:
    """Make it look unused for longer than it is kept."""
    then = folder.stat().st_mtime - UNUSED_SECONDS - 60
    os.utime(folder, (then, then))


def test_a_build_unused_for_a_month_is_removed_by_the_next_of_its_name(home: Path) -> None:
    old, other = built(home, "a"), built(home, "a", "other")
    unused(old)
    unused(other)
    newer = built(home, "b")
    assert (old.exists(), newer.exists(), other.exists()) == (False, True, True)
    assert sorted(each.name for each in newer.parent.glob("thing-*")) == [newer.name, f"{newer.name}.lock"]


def test_a_used_build_is_kept(home: Path) -> None:
    old = built(home, "a")
    unused(old)
    built(home, "a")
    built(home, "b")
    assert old.exists()
