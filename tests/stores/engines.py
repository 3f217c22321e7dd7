"""The shipped engines with more versions: one that works, and some that do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from storeplatform.templates import ENGINES

STAGES = sorted((Path(__file__).parent / "stages").glob("*.yaml"))

GOOD, UNPULLABLE, CRASHING, FAILING = "2.22.0", "2.22.1-unpullable", "2.22.2-crashing", "2.22.3-failing"


TINY = Path(__file__).parents[2] / "docs" / "tiny"


def with_tiny(folder: Path) -> Path:
    """Return a copy of the engines with the guide's own engine, as in docs/write-an-engine.md."""
    engines = Path(shutil.copytree(ENGINES, folder / "my-engines"))
    shutil.copytree(TINY, engines / "tiny")
    return engines


def with_more_versions(folder: Path) -> Path:
    """Return a copy of the engines. This folder's KWOK stages define what the pods of the bad versions do.

    Their migration has no retries instead of three, because a Job waits 10, 20 and 40 s between its retries.
    """
    engines = Path(shutil.copytree(ENGINES, folder / "engines"))
    for engine, part, job in (("medusa", "backend", "migrate"), ("woocommerce", "wordpress", "provision")):
        file = engines / engine / "engine.yaml"
        values = yaml.safe_load(file.read_text())
        shipped = next(iter(values["versions"].values()))
        for version in (GOOD, UNPULLABLE, CRASHING, FAILING):
            ours = {name: f"{image.partition(':')[0]}:{version}" for name, image in shipped.items()}
            kind = version.partition("-")[2]
            values["versions"][version] = {**ours, part: f"{kind}:{version}"} if kind else ours
        file.write_text(yaml.safe_dump(values, sort_keys=False))
        manifest = engines / engine / f"{job}.yaml"
        manifest.write_text(manifest.read_text().replace("backoffLimit: 3", "backoffLimit: 0"))
    return engines
