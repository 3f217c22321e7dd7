"""Fill in the API server's defaults in manifests that omit them: see templates/common/defaults.yaml."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from storeplatform.common import yaml_files

from .objects import Object


def fill(obj: Object, templates: Path) -> None:
    """Add the API server's defaults to ``obj``, in place."""
    _fill(obj, _defaults(templates).get(obj["kind"], {}))


@lru_cache
def _defaults(templates: Path) -> Object:
    content: Object = yaml_files.load((templates / "common" / "defaults.yaml").read_text())
    return content


def _fill(value: Any, defaults: Any) -> None:
    if isinstance(value, list) and isinstance(defaults, list):
        for item in value:
            _fill(item, defaults[0])
    if isinstance(value, dict) and isinstance(defaults, dict):
        for name, default in defaults.items():
            if isinstance(default, dict | list):
                _fill(value.get(name), default)
            else:
                value.setdefault(name, default)
