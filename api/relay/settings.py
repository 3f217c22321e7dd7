"""Load the relay's settings: its own file, the platform's, and the mail server's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from storeplatform.common.configuration import ConfigurationError, file_in, optional_text, read_text, read_yaml
from storeplatform.common.mail import load_relay_key
from storeplatform.common.settings import load_values

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Server(Schema):
    host = fields.String(required=True)
    port = fields.Integer(required=True, strict=True, validate=validate.Range(1, 65535))
    tls = fields.String(required=True, validate=validate.OneOf(["starttls", "tls", "none"]))

    @validates_schema
    def _encrypted(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["tls"] == "none" and data["host"] not in LOOPBACK:
            raise ValidationError("must be starttls or tls: a password would be readable on the way", "tls")


class _Rates(Schema):
    url = fields.String(required=True)


class _Settings(Schema):
    server = fields.Nested(_Server, required=True)
    rates = fields.Nested(_Rates, required=True)


@dataclass(frozen=True)
class Credentials:
    """Credentials of the mail server.

    ``ca``: PEM certificates of authorities to trust beside the public ones. Each may be "".
    """

    username: str
    password: str
    ca: str


@dataclass(frozen=True)
class RelaySettings:
    """``server``: host, port and tls of the mail server.

    ``credentials_folder``: where its Secret is mounted. ``counters``: the URL of the mail counters. ``certificate``:
    the folder with tls.crt and tls.key.
    """

    domain: str
    mails_per_hour: int
    key: bytes
    server: Mapping[str, Any]
    credentials_folder: Path
    counters: str
    certificate: Path

    def credentials(self) -> Credentials:
        """Read the current credentials, so that changed ones are used without a restart.

        :raise ConfigurationError: they can't be read.
        """
        # The kubelet replaces all files atomically by changing this link.
        link = self.credentials_folder / "..data"
        folder = link.resolve() if link.exists() else self.credentials_folder
        return Credentials(*(_optional(folder / name) for name in ("username", "password", "ca.crt")))


def load_relay_settings() -> RelaySettings:
    """Load the settings from the files that environment variables name.

    STORE_PLATFORM_SETTINGS: the platform's settings. STORE_PLATFORM_RELAY_SETTINGS: the relay's.
    STORE_PLATFORM_RELAY_KEY_FILE: the key of stores' passwords.
    STORE_PLATFORM_RELAY_CREDENTIALS and STORE_PLATFORM_RELAY_CERTIFICATE: the folder of each.
    STORE_PLATFORM_RATES_URL_FILE: the URL of the mail counters, overriding the settings' ``rates.url``.

    :raise ConfigurationError: one is missing or invalid; it names the first.
    """
    mail = load_values(file_in("STORE_PLATFORM_SETTINGS"))["mail"]
    if not mail["senderDomain"]:
        raise ConfigurationError("mail.senderDomain must be set: without it, no store sends by the relay")
    values = read_yaml(file_in("STORE_PLATFORM_RELAY_SETTINGS"), "relay's settings file", _Settings())
    return RelaySettings(
        domain=mail["senderDomain"],
        mails_per_hour=mail["mailsPerHour"],
        key=load_relay_key(file_in("STORE_PLATFORM_RELAY_KEY_FILE")),
        server=values["server"],
        credentials_folder=file_in("STORE_PLATFORM_RELAY_CREDENTIALS"),
        counters=optional_text("STORE_PLATFORM_RATES_URL_FILE") or values["rates"]["url"],
        certificate=file_in("STORE_PLATFORM_RELAY_CERTIFICATE"),
    )


def _optional(file: Path) -> str:
    try:
        return read_text(file) if file.exists() else ""
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} must be text in UTF-8") from None
