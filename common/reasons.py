"""The registry of reasons (``reasons.yaml``): the cause of each, the remedy, and the text for the owner.

The hooks use it for the status, the dashboard for its texts, and docs/reference/conditions.md is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from . import yaml_files


@dataclass(frozen=True)
class Reason:
    """One reason. ``remedy`` and ``owner`` (by language) are empty if no action is needed; ``help`` names the section
    of the store's page that helps.
    """

    cause: str
    remedy: str = ""
    owner: Mapping[str, str] = field(default_factory=dict)
    help: str = ""


REASONS: Mapping[str, Reason] = {
    name: Reason(**said)
    for name, said in yaml_files.load(files(__package__).joinpath("reasons.yaml").read_text()).items()
}


def remedy(reason: str) -> str:
    """Return what an operator can do; "" if the reason is unknown or recovers automatically."""
    return REASONS[reason].remedy if reason in REASONS else ""
