"""Settings for tests of the hooks: the shipped files and a fixed root key."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES
from tests.values import write_settings

from .simulation import VERSIONS
from .world import World, store

RELAY_KEY, RELAY_CA = "a relay's key for tests, the same in every run", "-----BEGIN CERTIFICATE-----"


@pytest.fixture(scope="session")
def root_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root key's file."""
    file = tmp_path_factory.mktemp("keys") / "root.key"
    file.write_text("a root key for tests, the same in every run\n")
    return file


@pytest.fixture(scope="session")
def settings(root_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped settings and engines."""
    return load_settings(write_settings("hooks", tmp_path_factory.mktemp("settings") / "s.yaml"), ENGINES, root_key)


@pytest.fixture
def settings_with(root_key: Path, tmp_path: Path) -> Any:
    """Return settings from the shipped file with some top-level values changed, and engines from another folder."""

    def make(templates: Path = ENGINES, **over: Any) -> Settings:
        file = write_settings("hooks", tmp_path / "settings.yaml", over)
        key, ca = tmp_path / "relay.key", tmp_path / "ca.crt"
        key.write_text(RELAY_KEY)
        ca.write_text(RELAY_CA)
        return load_settings(file, templates, root_key, relay_files=(key, ca))

    return make


@pytest.fixture(scope="session")
def four_versions(root_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped settings with four versions of Medusa: two that work, one whose migration fails, one that never
    starts.
    """
    home = tmp_path_factory.mktemp("four-versions")
    engines = Path(shutil.copytree(ENGINES, home / "engines"))
    file = engines / "medusa" / "engine.yaml"
    values = yaml.safe_load(file.read_text())
    for version in VERSIONS:
        values["versions"][version] = {"backend": f"backend:{version}", "storefront": f"storefront:{version}"}
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return load_settings(write_settings("hooks", home / "settings.yaml"), engines, root_key)


@pytest.fixture
def world(settings: Settings) -> World:
    """A new Store called "demo" without children."""
    return World(settings, store())
