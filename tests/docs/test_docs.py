"""The documents are current, their links are valid, and the commands in them exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from .reference import ROOT, pages

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts" / "store-platform").glob("*.md")]
BY_NAME = {str(file.relative_to(ROOT)): file for file in sorted(DOCUMENTS)}


@pytest.mark.parametrize("file", pages(), ids=lambda file: file.name)
def test_a_generated_page_is_current(file: Path) -> None:
    """``python -m tests.docs`` regenerates them."""
    assert file.read_text() == pages()[file]


def test_the_readme_has_at_most_120_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Warnings include broken links."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    assert "StoreHooksDown" in (tmp_path / "operators" / "alerts" / "index.html").read_text()


@pytest.mark.parametrize("name", BY_NAME)
def test_a_link_to_a_file_is_valid(name: str) -> None:
    file = BY_NAME[name]
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_a_command_of_the_repository_exists(name: str) -> None:
    text = BY_NAME[name].read_text()
    environments = set(re.findall(r"tox -e ([a-z]+)", text))
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini")
    assert [each for each in environments if f"testenv:{each}" not in tox] == []
    modules = re.findall(r"python -m ((?:tests|storeplatform)[\w.]*)", text)
    assert [each for each in modules if find_spec(each) is None] == []
    paths = re.findall(r"`((?:api|charts|common|dashboard|docs|hooks|metacontroller|templates|tests)/[\w./-]+)`", text)
    assert [each for each in paths if not (ROOT / each).exists()] == []
    targets = set(re.findall(r"\bmake ([a-z]+)\b", text)) & {"demo", "test"}
    assert all(f"\n{each}:" in (ROOT / "Makefile").read_text() for each in targets)
