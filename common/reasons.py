"""The one registry of reasons (``reasons.yaml``): what each means, what to do about it, and what an owner reads.

It feeds the status (hooks), the dashboard, and the reference page docs/reference/conditions.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from . import yaml_files


@dataclass(frozen=True)
class Reason:
    """One reason. ``remedy`` and ``owner`` (by language) are empty where nothing has to be done; ``help``: the part of
    the store's page that helps."""

    cause: str
    remedy: str = ""
    owner: Mapping[str, str] = field(default_factory=dict)
    help: str = ""


REASONS: Mapping[str, Reason] = {
    name: Reason(**said)
    for name, said in yaml_files.load(files(__package__).joinpath("reasons.yaml").read_text()).items()
}


def remedy(reason: str) -> str:
    """What an operator can do; empty if the reason is not in the registry, or recovers automatically."""
    return REASONS[reason].remedy if reason in REASONS else ""
