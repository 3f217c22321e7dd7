"""The chart's default values, including the services' settings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts" / "store-platform"


def chart_values() -> dict[str, Any]:
    """Return all of them, a new copy each time."""
    values: dict[str, Any] = yaml.safe_load(_text())
    return values


def settings_of(service: str) -> dict[str, Any]:
    """Return the settings of "hooks", "api", "dashboard" or "relay", a new copy each time."""
    settings: dict[str, Any] = chart_values()[service]["settings"]
    return settings


def write_settings(service: str, file: Path, over: dict[str, Any] | None = None) -> Path:
    """Write the file a service reads at start-up; ``over`` are top-level values that replace the chart's.

    Hosts need no proof, as in the demo, unless ``over`` says otherwise.
    """
    unproven = {"hostnames": {"verification": "none", "resolvers": []}} if service == "hooks" else {}
    file.write_text(yaml.safe_dump({**settings_of(service), **unproven, **(over or {})}, sort_keys=False))
    return file


@cache
def _text() -> str:
    return (CHART / "values.yaml").read_text()
