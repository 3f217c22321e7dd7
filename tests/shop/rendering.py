"""What the hooks render for a store, with ports that are free on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from storeplatform.hooks.settings import load_settings
from storeplatform.templates import ENGINES

from ..hooks.world import World, store
from ..values import write_settings


def render(area: Path, ports: dict[str, int], engine: str, **spec: Any) -> list[dict[str, Any]]:
    """All objects of a store that is Ready.

    :param area: a folder for a copy of the engines.
    :param ports: take the place of those in the engine's file.
    """
    engines = Path(shutil.copytree(ENGINES, area / "engines", ignore=shutil.ignore_patterns("images")))
    file = engines / engine / "engine.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "ports": ports}, sort_keys=False))
    (area / "root.key").write_text("a root key for tests, the same in every run\n")
    settings = load_settings(write_settings("hooks", area / "settings.yaml"), engines, area / "root.key")
    world = World(settings, store("corner-shop", engine=engine, **spec))
    world.settle()
    return list(world.observed.values())
