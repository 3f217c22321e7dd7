"""Load the settings of the intent API and the gate: one file, read at start-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from storeplatform.common.configuration import file_in, optional_text, rate, read_yaml


def _texts() -> fields.List[Any]:
    return fields.List(fields.String(validate=validate.Length(min=1)), required=True)


def _count(least: int = 1) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=least))


class _Roles(Schema):
    admin = _texts()
    support = _texts()
    owner = _texts()


class _TokenReview(Schema):
    cacheSeconds = fields.Float(required=True, validate=validate.Range(0, 60))
    audiences = _texts()


class _OIDC(Schema):
    issuer = fields.String(required=True)
    audience = fields.String(required=True)
    usernameClaim = fields.String(required=True)
    usernamePrefix = fields.String(required=True)
    groupsClaim = fields.String(required=True)
    groupsPrefix = fields.String(required=True)
    groups = _texts()


class _Quota(Schema):
    owner = _count(0)
    # "global" is a Python keyword.
    everybody = fields.Integer(required=True, strict=True, data_key="global", validate=validate.Range(min=0))


class _Rates(Schema):
    url = fields.String(required=True)
    read = rate()
    write = rate()
    costly = rate()
    refused = rate()


class _Streams(Schema):
    caller = _count()
    process = _count()


class _Audit(Schema):
    url = fields.String(required=True)
    spool = fields.String(required=True)
    spoolBytes = _count()
    retentionDays = _count()
    retentionBytes = _count()


class _Cors(Schema):
    origins = _texts()


class _Settings(Schema):
    roles = fields.Nested(_Roles, required=True)
    tokenReview = fields.Nested(_TokenReview, required=True)
    oidc = fields.Nested(_OIDC, required=True)
    quota = fields.Nested(_Quota, required=True)
    shards = _count()
    rates = fields.Nested(_Rates, required=True)
    streams = fields.Nested(_Streams, required=True)
    trustedProxies = _count(0)
    audit = fields.Nested(_Audit, required=True)
    cors = fields.Nested(_Cors, required=True)


def load_api_settings() -> Mapping[str, Any]:
    """Load the file that STORE_PLATFORM_API_SETTINGS names, in its own structure (``quota.global`` is ``everybody``).

    :raise ConfigurationError: it is missing or invalid; the message says what to do.
    """
    values = read_yaml(file_in("STORE_PLATFORM_API_SETTINGS"), "API's settings file", _Settings())
    for part in ("audit", "rates"):
        values[part]["url"] = optional_text(f"STORE_PLATFORM_{part.upper()}_URL_FILE") or values[part]["url"]
    return values
