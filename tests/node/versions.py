"""The versions of Medusa that the node's platform offers: the shipped ones, and some that do not work."""

from __future__ import annotations

from typing import Any

import yaml

from storeplatform.templates import ENGINES

VERSION, VERSION_BEFORE = "2.21.2", "2.20.1"
CRASHING_IMAGE = "store-medusa-crashing:1"
# Versions that do not work.
CRASHING, MISSING, LOOPING = "2.21.3-crashing", "2.21.3-missing", "2.21.3-looping"


def shipped_engine() -> dict[str, Any]:
    """Return Medusa's engine file."""
    engine: dict[str, Any] = yaml.safe_load((ENGINES / "medusa" / "engine.yaml").read_text())
    return engine


def engine_of_more_versions() -> dict[str, Any]:
    """Return the same with all of these versions."""
    engine = shipped_engine()
    shipped = engine["versions"][VERSION]
    backends = {CRASHING: CRASHING_IMAGE, MISSING: "store-medusa-missing:1"}
    more = {version: {**shipped, "backend": backend} for version, backend in backends.items()}
    more[LOOPING] = {**shipped, "storefront": CRASHING_IMAGE}
    return {**engine, "versions": {**engine["versions"], **more}}
