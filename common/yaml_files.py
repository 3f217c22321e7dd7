"""Parse the platform's own YAML files, by libyaml if PyYAML was built with it: it is ten times faster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Return the document in a text. :raise yaml.YAMLError: the text is not valid YAML."""
    return yaml.load(text, _Loader)  # noqa: S506 (it is a safe one)


def load_all(text: str) -> Iterator[Any]:
    """Yield the documents in a text, None for an empty one. :raise yaml.YAMLError: a document is not valid YAML."""
    return yaml.load_all(text, _Loader)
