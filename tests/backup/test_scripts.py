"""Static checks of the scripts."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from .store import IMAGE

SHELLCHECK = Path(sysconfig.get_path("scripts")) / "shellcheck"


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    """In the entry script and everything it includes."""
    command = [SHELLCHECK, "--external-sources", "--check-sourced", "store-backup"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=IMAGE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(("engine", "argument"), [("medusa", "POSTGRES"), ("woocommerce", "MARIADB")])
def test_the_image_has_the_programs_of_the_databases_own_version(engine: str, argument: str) -> None:
    """An older dump program rejects a newer server, and a newer one writes what an older server can't read."""
    folder = IMAGE.parents[2] / engine
    database = yaml.safe_load((folder / "engine.yaml").read_text())["images"]["database"]
    dockerfile = (folder / "images" / "backup" / "Dockerfile").read_text()
    base = rf"^ARG {argument}={re.escape(database)}@sha256:[0-9a-f]{{64}}\nFROM \$\{{{argument}\}}\n"
    assert re.search(base, dockerfile, re.MULTILINE)
