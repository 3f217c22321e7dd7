"""Read the files that the environment names, with one kind of error for whatever is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from . import yaml_files


class ConfigurationError(Exception):
    """A file the service starts from is missing or invalid; the message names it and the remedy."""


def rate() -> fields.String:
    """A field for a rate such as "60/minute"."""
    form = validate.Regexp(r"[1-9][0-9]*/(second|minute|hour)\Z", error='must be a rate such as "60/minute"')
    return fields.String(required=True, validate=form)


def file_in(variable: str) -> Path:
    """The file that an environment variable names. :raise ConfigurationError: it names none."""
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(f"the environment variable {variable} must name a file")
    return Path(value)


def read_text(file: Path) -> str:
    """The text in ``file``, without space around it. :raise ConfigurationError: it can't be read."""
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read {file}: {error.strerror}") from error


def optional_text(variable: str) -> str:
    """The text in the file that an environment variable names; "" where it names none.

    :raise ConfigurationError: it can't be read.
    """
    return read_text(file_in(variable)) if os.environ.get(variable) else ""


def load_token(file: Path) -> str:
    """The bearer token in ``file``; raise ConfigurationError where there is none."""
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
    """A YAML file of that schema; raise ConfigurationError, which calls the file ``what``."""
    try:
        values: Mapping[str, Any] = schema.load(yaml_files.load(file.read_text()))
    except OSError as error:
        raise ConfigurationError(f"can't read the {what} {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the {what} {file} must be YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"the {what} {file} is invalid: {error}") from error
    return values
