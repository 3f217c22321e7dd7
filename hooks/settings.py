"""Load what every response is computed from beside the request: the settings file, the engines, and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from storeplatform.common import yaml_files
from storeplatform.common.configuration import ConfigurationError, read_text
from storeplatform.common.engines import Engine, read_engines
from storeplatform.common.integrations import Integration, read_integrations
from storeplatform.common.mail import load_relay_key
from storeplatform.common.settings import load_values

ROOT_KEY_BYTES = 32


class _ObjectStoreKeys(Schema):
    accessKeyId = fields.String(required=True, validate=validate.Length(min=1))
    secretAccessKey = fields.String(required=True, validate=validate.Length(min=1))


@dataclass(frozen=True)
class Relay:
    """The platform's mail relay.

    ``key``: accounts' passwords are derived from it; ``ca``: the PEM certificate of the authority that signs the
    relay's certificate.
    """

    key: bytes
    ca: str


@dataclass(frozen=True, eq=False)
class Settings:
    """What every response is computed from beside the request.

    ``values``: the settings file's content (templates see it as ``settings``). ``engines`` and ``integrations``: by
    name. ``root_key``: every store's passwords are derived from it. ``object_store_keys`` (accessKeyId,
    secretAccessKey): empty if backups go to volumes. ``relay``: None if the platform has no mail relay.
    """

    values: Mapping[str, Any]
    engines: Mapping[str, Engine]
    root_key: bytes
    object_store_keys: Mapping[str, str]
    integrations: Mapping[str, Integration]
    relay: Relay | None = None

    @property
    def plans(self) -> Mapping[str, Any]:
        plans: Mapping[str, Any] = self.values["plans"]
        return plans


def load_settings(
    settings_file: Path,
    templates: Path,
    root_key_file: Path,
    object_store_keys_file: Path | None = None,
    relay_files: tuple[Path | None, Path | None] = (None, None),
) -> Settings:
    """Load all settings.

    :param relay_files: the relay's key, and its certificate authority's certificate.
    :raise ConfigurationError: a file is missing or invalid; it names the first.
    """
    values = load_values(settings_file)
    engines = read_engines(templates, values["retiredVersions"])
    keys = load_object_store_keys(object_store_keys_file) if values["backup"]["s3"]["endpoint"] else {}
    relay = load_relay(*relay_files) if values["mail"]["senderDomain"] else None
    return Settings(values, engines, load_root_key(root_key_file), keys, read_integrations(templates), relay)


def load_relay(key_file: Path | None, ca_file: Path | None) -> Relay:
    """Return what stores need to know of the relay.

    :raise ConfigurationError: it is missing or invalid; the message never contains any of the key.
    """
    if key_file is None or ca_file is None:
        raise ConfigurationError(
            "mail.senderDomain is set, so STORE_PLATFORM_RELAY_KEY_FILE and STORE_PLATFORM_RELAY_CA_FILE "
            "must name files"
        )
    return Relay(load_relay_key(key_file), read_text(ca_file))


def load_object_store_keys(file: Path | None) -> Mapping[str, str]:
    """Return the keys of the object store for backups.

    :raise ConfigurationError: they are missing or invalid; the message never contains any of them.
    """
    form = "must be YAML with accessKeyId and secretAccessKey"
    if file is None:
        raise ConfigurationError(f"backup.s3.endpoint is set, so STORE_PLATFORM_S3_CREDENTIALS_FILE {form}")
    try:
        keys: Mapping[str, str] = _ObjectStoreKeys().load(yaml_files.load(file.read_text()))
    except OSError as error:
        raise ConfigurationError(f"can't read the object store's keys {file}: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError):
        raise ConfigurationError(f"the object store's keys {file} {form}") from None
    return keys


def load_root_key(file: Path) -> bytes:
    """Return the key of at least 32 bytes in ``file``.

    :raise ConfigurationError: it is missing or too short; the message never contains any of it.
    """
    remedy = (
        f"make one, once, with: head -c {ROOT_KEY_BYTES} /dev/urandom | base64 > {file} "
        "and keep a copy in a safe place, since new stores' passwords come from it"
    )
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read the root key {file}: {error.strerror}; {remedy}") from error
    if len(key) < ROOT_KEY_BYTES:
        raise ConfigurationError(f"the root key {file} must have at least {ROOT_KEY_BYTES} bytes; {remedy}")
    return key
