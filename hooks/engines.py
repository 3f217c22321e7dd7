"""Engines: each a folder of templates with an ``engine.yaml``. Adding one changes no Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

_text = fields.String(required=True, validate=validate.Length(min=1))
_some = validate.Length(min=1)


class _Stage(Schema):
    condition = fields.String(required=True, validate=validate.Regexp(r"^[A-Z][A-Za-z]{0,60}\Z"))
    manifests = fields.List(fields.String(), required=True, validate=_some)
    offline = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class _EngineFile(Schema):
    """What every engine says; what else its file holds is its templates' own."""

    class Meta:
        unknown = INCLUDE

    title = _text
    description = _text
    versions = fields.Dict(keys=fields.String(), values=fields.Dict(), required=True, validate=_some)
    components = fields.List(fields.String(), required=True)
    credentials = fields.List(fields.String(), required=True)
    adminPath = fields.String(load_default="")
    stages = fields.List(fields.Nested(_Stage), required=True, validate=_some)


@dataclass(frozen=True, eq=False)
class Engine:
    """One engine: its name (the folder's), where the templates are, and its file's content."""

    name: str
    templates: Path
    values: Mapping[str, Any]

    @property
    def versions(self) -> list[str]:
        """The versions a store may run; the first is what a new store gets."""
        return list(self.values["versions"])


def load_engines(templates: Path) -> Mapping[str, Engine]:
    """Every folder of ``templates`` that has an engine.yaml, by name.

    :raise ValidationError: one is not of the form, named with what must hold.
    :raise OSError, yaml.YAMLError: one can't be read.
    """
    engines = {}
    for file in sorted(templates.glob("*/engine.yaml")):
        try:
            values = _EngineFile().load(yaml.safe_load(file.read_text()))
            missing = [m for stage in values["stages"] for m in stage["manifests"] if not (templates / m).is_file()]
            if missing:
                raise ValidationError({"stages": f"every manifest must exist below {templates}; missing: {missing}"})
        except ValidationError as error:
            raise ValidationError(f"{file}: {error}") from error
        engines[file.parent.name] = Engine(file.parent.name, templates, values)
    if not engines:
        raise ValidationError(f"{templates} must hold at least one folder with an engine.yaml")
    return engines
