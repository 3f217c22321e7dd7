"""Render a store with the hooks, with ports that are free on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from storeplatform.hooks.settings import load_settings
from storeplatform.templates import ENGINES

from ..hooks.world import World, store
from ..values import write_settings


def render(
    area: Path,
    ports: dict[str, int],
    engine: str,
    source: Path = ENGINES,
    over: dict[str, Any] | None = None,
    name: str = "corner-shop",
    **spec: Any,
) -> list[dict[str, Any]]:
    """Return all objects of a store that is Ready.

    :param area: a folder for a copy of the engines.
    :param ports: replace those in the engine's file.
    :param source: where the engines are.
    :param over: top-level values that replace the settings'.
    :param name: of the store, from which its passwords are derived too.
    """
    ignored = shutil.ignore_patterns("images")
    engines = Path(shutil.copytree(source, area / "engines", ignore=ignored, dirs_exist_ok=True))
    file = engines / engine / "engine.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "ports": ports}, sort_keys=False))
    (area / "root.key").write_text("a root key for tests, the same in every run\n")
    settings = load_settings(write_settings("hooks", area / "settings.yaml", over), engines, area / "root.key")
    world = World(settings, store(name, engine=engine, **spec))
    world.settle()
    return list(world.observed.values())
