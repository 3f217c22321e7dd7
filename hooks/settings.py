"""The one settings file: what differs between installations, and what a plan gives."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from .engines import Engine, load_engines

DNS_NAME = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z"
ROOT_KEY_BYTES = 32


class ConfigurationError(Exception):
    """A file the service starts from is missing or wrong; the message names it and the remedy."""


class Quantity(fields.String):
    """A Kubernetes quantity in the form the API server writes it back, or each sync would be a write."""

    CANONICAL = re.compile(r"0\Z|([1-9][0-9]*)(m|Ki|Mi|Gi|Ti)?\Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        match = self.CANONICAL.match(text)
        step = {"m": 1000, "Ki": 1024, "Mi": 1024, "Gi": 1024}.get(match[2]) if match and match[2] else None
        if not match or (step and int(match[1]) % step == 0):
            raise ValidationError('must be a quantity as Kubernetes writes it back, such as "250m", "1" or "2Gi"')
        return text


def _quantities() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=Quantity(), required=True)


class _Resources(Schema):
    requests = _quantities()
    limits = _quantities()


def _gibibytes() -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(1, 9999))


class _Storage(Schema):
    backups = _gibibytes()
    database = _gibibytes()
    uploads = _gibibytes()


class _Plan(Schema):
    title = fields.String(required=True)
    replicas = fields.Integer(required=True, strict=True, validate=validate.Range(1, 20))
    storage = fields.Nested(_Storage, required=True)
    resources = fields.Dict(keys=fields.String(), values=fields.Nested(_Resources), required=True)
    quota = _quantities()


class _Ingress(Schema):
    className = fields.String(required=True)
    namespace = fields.String(required=True, validate=validate.Regexp(DNS_NAME))
    tlsIssuer = fields.String(required=True)


class _Images(Schema):
    prefix = fields.String(required=True)
    pullPolicy = fields.String(required=True, validate=validate.OneOf(["Always", "IfNotPresent", "Never"]))


class _Volumes(Schema):
    className = fields.String(required=True)
    expandable = fields.Boolean(required=True, truthy={True}, falsy={False})


class _ObjectStore(Schema):
    endpoint = fields.String(required=True)
    bucket = fields.String(required=True)
    region = fields.String(required=True)


class _Backup(Schema):
    s3 = fields.Nested(_ObjectStore, required=True)


class _ObjectStoreKeys(Schema):
    accessKeyId = fields.String(required=True, validate=validate.Length(min=1))
    secretAccessKey = fields.String(required=True, validate=validate.Length(min=1))


class _Expiry(Schema):
    warningHours = fields.Float(required=True, validate=validate.Range(min=0))
    graceHours = fields.Float(required=True, validate=validate.Range(min=0))


class _Resync(Schema):
    settled = fields.Float(required=True, validate=validate.Range(min=0.1))
    changing = fields.Float(required=True, validate=validate.Range(min=0.1))


class _Settings(Schema):
    domain = fields.String(required=True, validate=validate.Regexp(DNS_NAME))
    ingress = fields.Nested(_Ingress, required=True)
    storage = fields.Nested(_Volumes, required=True)
    images = fields.Nested(_Images, required=True)
    progressDeadlineSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    upgradeDeadlineSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    backup = fields.Nested(_Backup, required=True)
    expiry = fields.Nested(_Expiry, required=True)
    resyncSeconds = fields.Nested(_Resync, required=True)
    plans = fields.Dict(
        keys=fields.String(validate=validate.Regexp(DNS_NAME)),
        values=fields.Nested(_Plan),
        required=True,
        validate=validate.Length(min=1),
    )


@dataclass(frozen=True, eq=False)
class Settings:
    """What every answer is made from beside the request.

    ``values`` has the settings file's shape (templates see it as ``settings``), ``engines`` maps an
    engine's name to it, ``root_key`` is what every store's passwords are derived from. ``object_store_keys``
    (accessKeyId, secretAccessKey) is empty where backups go to volumes.
    """

    values: Mapping[str, Any]
    engines: Mapping[str, Engine]
    root_key: bytes
    object_store_keys: Mapping[str, str]

    @property
    def plans(self) -> Mapping[str, Any]:
        plans: Mapping[str, Any] = self.values["plans"]
        return plans


def load_settings(
    settings_file: Path, templates: Path, root_key_file: Path, object_store_keys_file: Path | None = None
) -> Settings:
    """Read all of them; raise ConfigurationError, which names the first that is wrong."""
    values, engines = load_values(settings_file), read_engines(templates)
    keys = load_object_store_keys(object_store_keys_file) if values["backup"]["s3"]["endpoint"] else {}
    return Settings(values, engines, load_root_key(root_key_file), keys)


def file_in(variable: str) -> Path:
    """The file that an environment variable names. :raise ConfigurationError: it names none."""
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(f"the environment variable {variable} must name a file")
    return Path(value)


def load_values(settings_file: Path) -> Mapping[str, Any]:
    """What the settings file says; raise ConfigurationError, which names what is wrong in it."""
    return read_yaml(settings_file, "settings file", _Settings())


def read_yaml(file: Path, what: str, schema: Schema) -> Mapping[str, Any]:
    """A YAML file of that schema; raise ConfigurationError, which calls the file ``what``."""
    try:
        values: Mapping[str, Any] = schema.load(yaml.safe_load(file.read_text()))
    except OSError as error:
        raise ConfigurationError(f"can't read the {what} {file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"the {what} {file} must be YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"the {what} {file} must be mended: {error}") from error
    return values


def read_engines(templates: Path) -> Mapping[str, Engine]:
    """The engines in a folder, by name; raise ConfigurationError, which names the first that is wrong."""
    try:
        return load_engines(templates)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"the engines in {templates} must be mended: {error}") from error


def load_object_store_keys(file: Path | None) -> Mapping[str, str]:
    """The keys of the object store that backups go to; raise ConfigurationError, which never holds any of them."""
    form = "must be YAML with accessKeyId and secretAccessKey"
    if file is None:
        raise ConfigurationError(f"backup.s3.endpoint is set, so STORE_PLATFORM_S3_CREDENTIALS_FILE {form}")
    try:
        keys: Mapping[str, str] = _ObjectStoreKeys().load(yaml.safe_load(file.read_text()))
    except OSError as error:
        raise ConfigurationError(f"can't read the object store's keys {file}: {error.strerror}") from error
    except (yaml.YAMLError, ValidationError):
        raise ConfigurationError(f"the object store's keys {file} {form}") from None
    return keys


def load_root_key(file: Path) -> bytes:
    """The key of at least 32 bytes in ``file``; raise ConfigurationError, which never holds any of it."""
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
