"""The scripts as texts."""

import subprocess
import sysconfig
from pathlib import Path

import yaml

from .store import IMAGE

SHELLCHECK = Path(sysconfig.get_path("scripts")) / "shellcheck"


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    """In the entry and in all it includes, with the includes' own findings."""
    command = [SHELLCHECK, "--external-sources", "--check-sourced", "store-backup"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=IMAGE)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_the_programs_of_the_databases_own_release() -> None:
    """An older pg_dump refuses a newer server, and a newer one writes what an older pg_restore can't read."""
    engine = yaml.safe_load((IMAGE.parents[1] / "engine.yaml").read_text())
    assert f"ARG POSTGRES={engine['images']['database']}\nFROM ${{POSTGRES}}\n" in (IMAGE / "Dockerfile").read_text()
