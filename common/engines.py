"""Load engines: folders of templates with an ``engine.yaml``. Adding one needs no Python.

``docs/write-an-engine.md`` documents the file; ``common/stages.yaml`` has the stages that all engines share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from marshmallow import ValidationError

from . import engine_file, yaml_files
from .configuration import ConfigurationError
from .engine_file import OWN_CONDITIONS, ROLES, StageOfFile
from .integrations import load_integrations

OPTIONAL = {"prove", "check", "save", "connect"}
OFFLINE = {"restore"}
# Roles that make sense only if the engine has a database.
OF_DATA = {"volumes", "check", "restore", "snapshot", "backup", "save"}
# Roles whose condition is shown to owners, so they need a label in each of these languages.
LANGUAGES = ("en", "de")


class Stage(NamedTuple):
    """A group of objects that serve one purpose. ``words``: the label of its condition, by language."""

    role: str
    condition: str
    manifests: tuple[str, ...]
    words: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Engine:
    """One engine: its name (that of its folder), its templates' folder, the content of its file, and all stages in
    order.

    ``retired``: versions that existing stores may keep, but no store may newly choose.
    """

    name: str
    templates: Path
    values: Mapping[str, Any]
    stages: tuple[Stage, ...]
    retired: frozenset[str] = frozenset()

    @property
    def versions(self) -> list[str]:
        """All versions that a store may run, including retired ones."""
        return list(self.values["versions"])

    @property
    def offered(self) -> list[str]:
        """The versions that may be chosen, newest first; the first is the default of a new store."""
        return [version for version in self.versions if version not in self.retired]

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """The labels of the stages' conditions, by language and then by condition."""
        return {each: {stage.condition: stage.words[each] for stage in self.stages} for each in LANGUAGES}

    @property
    def steps(self) -> list[str]:
        """The conditions that must hold before a store is Ready, in order."""
        return list(dict.fromkeys(stage.condition for stage in self.stages if stage.role not in OPTIONAL))

    @property
    def keeps_data(self) -> bool:
        """Whether the engine has data to back up."""
        return any(stage.role == "database" for stage in self.stages)


def load_engines(templates: Path, retired: Mapping[str, Sequence[str]] | None = None) -> Mapping[str, Engine]:
    """Return every engine in ``templates`` (each folder that has an engine.yaml), by name.

    :param retired: versions that are no longer offered, by engine.
    :raise ValidationError: an engine.yaml is invalid; the error names the key and what is allowed.
    :raise OSError, yaml.YAMLError: an engine.yaml can't be read.
    """
    engines = {file.parent.name: _engine(file, templates) for file in sorted(templates.glob("*/engine.yaml"))}
    if not engines:
        raise ValidationError(f"{templates} must hold at least one folder with an engine.yaml")
    return _retire(engines, retired or {})


def read_engines(templates: Path, retired: Mapping[str, Sequence[str]]) -> Mapping[str, Engine]:
    """Return the engines in a folder, by name.

    :param retired: the settings' ``retiredVersions``.
    :raise ConfigurationError: an engine is invalid; it names the first.
    """
    try:
        return load_engines(templates, retired)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"the engines in {templates} are invalid: {error}") from error


def _retire(engines: Mapping[str, Engine], retired: Mapping[str, Sequence[str]]) -> Mapping[str, Engine]:
    for name, versions in retired.items():
        if name not in engines:
            raise ValidationError(f"retiredVersions.{name}: there is no such engine: choose from {', '.join(engines)}")
        if unknown := set(versions) - set(engines[name].versions):
            raise ValidationError(f"retiredVersions.{name}: {name} has no {min(unknown)}: remove it from the list")
        if not set(engines[name].versions) - set(versions):
            raise ValidationError(
                f"retiredVersions.{name}: one of these must not be retired: {', '.join(engines[name].versions)}"
            )
    return {name: replace(each, retired=frozenset(retired.get(name, ()))) for name, each in engines.items()}


def _engine(file: Path, templates: Path) -> Engine:
    name = file.parent.name
    try:
        engine_file.check_name(name)
        values = engine_file.read(file)
        stages = _stages(name, values["stages"], templates)
        known = load_integrations(templates) if values["integrations"] else {}
        if unknown := set(values["integrations"]) - set(known):
            raise ValidationError(f"{min(unknown)} must be one of: {', '.join(known)}", "integrations")
    except ValidationError as error:
        found = error.normalized_messages()  # type: ignore[no-untyped-call]
        raise ValidationError(f"{file}: {'; '.join(engine_file.messages(found))}") from error
    return Engine(name, templates, values, stages)


def _stages(engine: str, own: Sequence[Mapping[str, Any]], templates: Path) -> tuple[Stage, ...]:
    """Return the common stages, with the engine's own stages inserted at the position of their role."""
    common = StageOfFile(many=True).load(yaml_files.load((templates / "common" / "stages.yaml").read_text()))
    shared = {stage["role"] for stage in common}
    data = any(stage["role"] == "database" for stage in own)
    taken = {*OWN_CONDITIONS, *(stage["condition"] for stage in common)}
    # The role "volumes" reports through the database's condition.
    taken -= {stage["condition"] for stage in common if stage["role"] in OF_DATA}
    manifests = {each for stage in common for each in stage["manifests"]}
    wrong: dict[str, Any] = {}
    for place, stage in enumerate(own):
        if stage["role"] in shared and (stage["condition"] or stage["words"] or not stage["manifests"]):
            wrong[str(place)] = {"role": f"{stage['role']} is common to all engines: name only manifests to add to it"}
        elif stage["role"] not in shared and not (stage["condition"] and stage["words"] and stage["manifests"]):
            wrong[str(place)] = {"role": f"{stage['role']} needs condition, words and at least one entry in manifests"}
        elif stage["condition"] in taken:
            wrong[str(place)] = {"condition": f"{stage['condition']} is taken: choose another name"}
        elif missing := [each for each in stage["manifests"] if not (templates / each).is_file()]:
            wrong[str(place)] = {"manifests": f"must exist below {templates}; missing: {', '.join(missing)}"}
        elif twice := [each for each in stage["manifests"] if each in manifests]:
            wrong[str(place)] = {"manifests": f"must be in only one stage: {', '.join(twice)}"}
        taken |= {stage["condition"]} - {None}
        manifests.update(stage["manifests"])
    if data and not (templates / engine / "backup-env.yaml").is_file():
        wrong["database"] = f"needs a file {engine}/backup-env.yaml: how its backup reaches the data"
    if wrong:
        raise ValidationError({"stages": wrong})
    made = []
    for role in ROLES:
        if role in OF_DATA and not data:
            continue
        added = [each for stage in own if stage["role"] == role for each in stage["manifests"]]
        for stage in common if role in shared else own:
            if stage["role"] == role:
                more = added if role in shared and stage is _last(common, role) else []
                made.append(Stage(role, stage["condition"], (*stage["manifests"], *more), stage["words"]))
    return tuple(made)


def _last(stages: Sequence[Mapping[str, Any]], role: str) -> Mapping[str, Any]:
    return [stage for stage in stages if stage["role"] == role][-1]
