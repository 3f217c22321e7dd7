"""Who sends by the platform's mail relay, and how: what the hooks give to stores, and what the relay holds them to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .configuration import ConfigurationError
from .keys import derive

# The relay's port, at its Service and in its pods; TLS from the start.
RELAY_PORT = 8465
KEY_BYTES = 32

# Whose mails are the platform's own. No store can have this user name: a store's has a slash in it.
PLATFORM = "platform"

_STORE = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)/[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True)
class Account:
    """Who signs in at the relay. ``name``: the store's; ``sender``: the one address that its mails come from."""

    name: str
    username: str
    password: str
    sender: str


def store_account(key: bytes, name: str, uid: str, domain: str) -> Account:
    """A store's account. The password belongs to this very store: another one of its name has another."""
    return _account(key, name, f"{name}/{uid}", domain)


def platform_account(key: bytes, domain: str) -> Account:
    """The account of the platform's own mails."""
    return _account(key, PLATFORM, PLATFORM, domain)


def account_of(key: bytes, username: str, domain: str) -> Account | None:
    """The account of that user name; None where nobody can have it."""
    if username == PLATFORM:
        return platform_account(key, domain)
    found = _STORE.fullmatch(username)
    return _account(key, found[1], username, domain) if found else None


def relay_host(namespace: str) -> str:
    """The relay's name in the cluster, which is in its certificate."""
    return f"relay.{namespace}.svc"


def load_relay_key(file: Path) -> bytes:
    """The key that accounts' passwords are derived from; raise ConfigurationError, which never holds any of it."""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read the relay's key {file}: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        remedy = f"openssl rand -hex 32 > {file}"
        raise ConfigurationError(f"the relay's key {file} must have at least {KEY_BYTES} bytes: {remedy}")
    return key


def owner_email(admin_email: str, owner: str) -> str:
    """Where a store's owner reads mail, empty where nothing says so. Users of many sign-in services are called by their
    addresses."""
    return admin_email or (owner if "@" in owner else "")


def _account(key: bytes, name: str, username: str, domain: str) -> Account:
    return Account(name, username, derive(key, "mail", username), f"{name}@{domain}")
