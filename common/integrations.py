"""Load the integrations that a store can be connected to, from ``templates/integrations.yaml``.

The values are in Secrets in the store's namespace, one for each integration. The owner writes them; this module
validates them.
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

# The Secret's key that names the provider.
PROVIDER = "provider"
# The platform's own mail provider. Nobody selects it: a store uses it unless its owner has configured another.
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
    # The attribute name "fields" is taken: every marshmallow schema has one.
    its_fields = fields.Dict(
        keys=fields.String(), values=fields.Nested(_Field), required=True, data_key="fields", attribute="fields"
    )


class _Integration(Schema):
    title = _text
    condition = fields.String(required=True, validate=validate.Regexp(r"^[A-Z][A-Za-z]{0,60}\Z"))
    providers = fields.Dict(keys=fields.String(), values=fields.Nested(_Provider), required=True)


class InvalidIntegration(Exception):
    """A Secret's fields are invalid for the provider.

    ``errors``: what must hold, by field; it never contains a value.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {what}" for name, what in errors.items()))
        self.errors = errors


@dataclass(frozen=True, eq=False)
class Integration:
    """One integration: its name, and its entry in the file."""

    name: str
    values: Mapping[str, Any]

    @property
    def secret(self) -> str:
        """The name of its Secret."""
        return f"integration-{self.name}"

    def check(self, given: Mapping[str, str]) -> Mapping[str, Any]:
        """Validate a Secret's fields and return their provider's entry in the file.

        :param given: the Secret's values, by key.
        :raise InvalidIntegration: a field is missing, unknown or invalid.
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
        if unknown:  # without naming it: a key may be a password that was pasted into the wrong place
            errors["fields"] = f"must be exactly these: {', '.join(wanted)}"
        if errors:
            raise InvalidIntegration(errors)
        return provider

    def shown(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return those valid fields that everyone who can read the Store may see."""
        found = {}
        for name, field in self.check(given)["fields"].items():
            if field["shown"]:
                value = given[name]
                found[name] = value if field["shown"] == "whole" else f"…{value[-SHOWN_CHARACTERS:]}"
        return found


def load_integrations(templates: Path) -> Mapping[str, Integration]:
    """Return the integrations in this folder's file, by name; empty if there is no file.

    :raise ValidationError: the file does not match the schema.
    :raise OSError, yaml.YAMLError: it can't be read.
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
    """Return the available integrations, by name.

    :raise ConfigurationError: the file is invalid or can't be read; the message says why.
    """
    try:
        return load_integrations(templates)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"the integrations in {templates} are invalid: {error}") from error


def decoded(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a Secret's data as strings. What is not UTF-8 becomes "", which no field accepts."""
    return {str(name): _decoded(value) for name, value in data.items()}


def _decoded(value: Any) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, TypeError, UnicodeDecodeError, ValueError):
        return ""
