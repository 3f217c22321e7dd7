"""The dashboard's settings: one file, read at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields, validate

from storeplatform.common.configuration import ConfigurationError, file_in, optional_text, rate, read_text, read_yaml

KEY_CHARACTERS = 32


def _url() -> fields.Url:
    return fields.Url(required=True, schemes={"http", "https"}, require_tld=False)


class _API(Schema):
    url = _url()


class _Sessions(Schema):
    url = fields.String(required=True, validate=validate.Regexp(r"(memory://|rediss?://.+)\Z"))
    hours = fields.Float(required=True, validate=validate.Range(min=0.1, max=720))


class _OIDC(Schema):
    issuer = fields.String(required=True)
    clientId = fields.String(required=True)
    scopes = fields.String(required=True)


class _Rates(Schema):
    signIn = rate()


class _Settings(Schema):
    api = fields.Nested(_API, required=True)
    publicURL = _url()
    sessions = fields.Nested(_Sessions, required=True)
    oidc = fields.Nested(_OIDC, required=True)
    rates = fields.Nested(_Rates, required=True)
    streams = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    trustedProxies = fields.Integer(required=True, strict=True, validate=validate.Range(min=0))


class _Links(Schema):
    links = fields.Dict(
        keys=fields.String(validate=validate.Length(min=KEY_CHARACTERS)), values=fields.String(), required=True
    )


@dataclass(frozen=True)
class Settings:
    """``values``: the file's content.

    ``secret_key``: signs cookies. ``client_secret``: "" for a public client. ``api_key``: proves to the API that this
    is the dashboard, so that limits count the user and not the dashboard.

    ``links``: tokens by the secret in a link that signs in with them. For demonstrations; none by default.
    """

    values: Mapping[str, Any]
    secret_key: str
    client_secret: str = ""
    api_key: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def load_settings() -> Settings:
    """Load the settings from the files that environment variables name.

    They are STORE_PLATFORM_DASHBOARD_SETTINGS, STORE_PLATFORM_SECRET_KEY_FILE, and if needed
    STORE_PLATFORM_OIDC_SECRET_FILE, STORE_PLATFORM_SESSIONS_URL_FILE, STORE_PLATFORM_DASHBOARD_KEY_FILE and
    STORE_PLATFORM_SIGN_IN_LINKS_FILE.

    :raise ConfigurationError: one is missing or invalid; the message says what to do.
    """
    values = read_yaml(file_in("STORE_PLATFORM_DASHBOARD_SETTINGS"), "dashboard's settings file", _Settings())
    values["sessions"]["url"] = optional_text("STORE_PLATFORM_SESSIONS_URL_FILE") or values["sessions"]["url"]
    key_file = file_in("STORE_PLATFORM_SECRET_KEY_FILE")
    key = read_text(key_file)
    if len(key) < KEY_CHARACTERS:
        raise ConfigurationError(
            f"the secret key {key_file} must have at least {KEY_CHARACTERS} characters: "
            f"openssl rand -hex 32 > {key_file}"
        )
    links: Mapping[str, str] = {}
    if os.environ.get("STORE_PLATFORM_SIGN_IN_LINKS_FILE"):
        links = read_yaml(file_in("STORE_PLATFORM_SIGN_IN_LINKS_FILE"), "file of sign-in links", _Links())["links"]
    secret, api_key = (
        optional_text("STORE_PLATFORM_OIDC_SECRET_FILE"),
        optional_text("STORE_PLATFORM_DASHBOARD_KEY_FILE"),
    )
    return Settings(values, key, secret, api_key, links)
