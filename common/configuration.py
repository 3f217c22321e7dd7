"""Read the files that environment variables name; every failure is a ConfigurationError."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from . import yaml_files


class ConfigurationError(Exception):
    """A file that the service needs at start-up is missing or invalid; the message names the file and the remedy."""


def rate() -> fields.String:
    """Return a marshmallow field for a rate such as "60/minute"."""
    form = validate.Regexp(r"[1-9][0-9]*/(second|minute|hour)\Z", error='must be a rate such as "60/minute"')
    return fields.String(required=True, validate=form)


def file_in(variable: str) -> Path:
    """Return the path in an environment variable.

    :raise ConfigurationError: the variable is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(f"the environment variable {variable} must name a file")
    return Path(value)


def read_text(file: Path) -> str:
    """Return the text in ``file``, with surrounding whitespace removed.

    :raise ConfigurationError: the file can't be read.
    """
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read {file}: {error.strerror}") from error


def optional_text(variable: str) -> str:
    """Return the text in the file that an environment variable names; "" if the variable is not set.

    :raise ConfigurationError: the file can't be read.
    """
    return read_text(file_in(variable)) if os.environ.get(variable) else ""


def load_token(file: Path) -> str:
    """Return the bearer token in ``file``.

    :raise ConfigurationError: the file is missing, unreadable or has no valid token.
    """
    try:
        token = file.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read the token file {file}: {error.strerror}") from error
    if len(token) < 16:
        raise ConfigurationError(
            f"the token file {file} must hold at least 16 characters: openssl rand -hex 32 > {file}"
        )
    return token


def read_yaml(file: Path, what: str, schema: Schema) -> Mapping[str, Any]:
    """Return the YAML file's content, validated by the schema.

    :param what: what to call the file in an error.
    :raise ConfigurationError: it can't be read, or is invalid.
    """
    try:
        values: Mapping[str, Any] = schema.load(yaml_files.load(file.read_text()))
    except OSError as error:
        raise ConfigurationError(f"can't read the {what} {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the {what} {file} must be YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"the {what} {file} is invalid: {error}") from error
    return values
