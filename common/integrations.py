"""What a store can be connected to outside the platform, as ``templates/integrations.yaml`` has it.

The values are in Secrets, one an integration, in the store's namespace. Its owner writes them; here they are judged.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from . import yaml_files
from .configuration import ConfigurationError

# In the Secret, the field that names the provider.
PROVIDER = "provider"
# The provider of mail that is the platform's own. Nobody sets it: a store has it while its owner has set none.
RELAY = "relay"
SHOWN_CHARACTERS = 4

_text = fields.String(required=True, validate=validate.Length(min=1))


class _Field(Schema):
    title = _text
    description = _text
    pattern = _text
    secret = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    shown = fields.String(load_default="", validate=validate.OneOf(["", "end", "whole"]))


class _Provider(Schema):
    title = _text
    port = _text
    # A schema has an attribute "fields" of its own.
    its_fields = fields.Dict(
        keys=fields.String(), values=fields.Nested(_Field), required=True, data_key="fields", attribute="fields"
    )


class _Integration(Schema):
    title = _text
    condition = fields.String(required=True, validate=validate.Regexp(r"^[A-Z][A-Za-z]{0,60}\Z"))
    providers = fields.Dict(keys=fields.String(), values=fields.Nested(_Provider), required=True)


class InvalidIntegration(Exception):
    """A Secret's fields are not what the provider takes. ``errors``: what must hold, by field; no value is in it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {what}" for name, what in errors.items()))
        self.errors = errors


@dataclass(frozen=True, eq=False)
class Integration:
    """One of them: its name, and its part of the file."""

    name: str
    values: Mapping[str, Any]

    @property
    def secret(self) -> str:
        """The name of its Secret."""
        return f"integration-{self.name}"

    def check(self, given: Mapping[str, str]) -> Mapping[str, Any]:
        """The provider that these fields are for, as the file has it.

        :param given: the Secret's values, by key. :raise InvalidIntegration: they are not what it takes.
        """
        providers = self.values["providers"]
        if given.get(PROVIDER) not in providers:
            raise InvalidIntegration({PROVIDER: f"must be one of: {', '.join(providers)}"})
        provider: Mapping[str, Any] = providers[given[PROVIDER]]
        wanted = provider["fields"]
        errors = {
            name: f"must be given: {field['description']}"
            if name not in given
            else f"is invalid: {field['description']}"
            for name, field in wanted.items()
            if not re.fullmatch(field["pattern"], given.get(name, ""))
        }
        unknown = given.keys() - wanted.keys() - {PROVIDER}
        if unknown:  # whatever their names are: someone may have mistaken a key for one
            errors["fields"] = f"must be these alone: {', '.join(wanted)}"
        if errors:
            raise InvalidIntegration(errors)
        return provider

    def shown(self, given: Mapping[str, str]) -> dict[str, str]:
        """What everybody who sees the Store may see of fields that are valid."""
        found = {}
        for name, field in self.check(given)["fields"].items():
            if field["shown"]:
                value = given[name]
                found[name] = value if field["shown"] == "whole" else f"…{value[-SHOWN_CHARACTERS:]}"
        return found


def load_integrations(templates: Path) -> Mapping[str, Integration]:
    """Those that the file in this folder has, by name; none where there is no file.

    :raise ValidationError: it is not of the form. :raise OSError, yaml.YAMLError: it can't be read.
    """
    file = templates / "integrations.yaml"
    if not file.exists():
        return {}
    try:
        schema = _Integration()
        content = yaml_files.load(file.read_text())
        return {name: Integration(name, schema.load(values)) for name, values in content.items()}
    except ValidationError as error:
        raise ValidationError(f"{file}: {error}") from error


def read_integrations(templates: Path) -> Mapping[str, Integration]:
    """What stores can be connected to, by name; raise ConfigurationError, which names what is wrong."""
    try:
        return load_integrations(templates)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"the integrations in {templates} are invalid: {error}") from error


def decoded(data: Mapping[str, Any]) -> dict[str, str]:
    """A Secret's data as text; what is none is an empty string, which no field takes."""
    return {str(name): _decoded(value) for name, value in data.items()}


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, TypeError, UnicodeDecodeError, ValueError):
        return ""
