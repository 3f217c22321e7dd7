"""Accounts of the platform's mail relay: the hooks give them to stores, and the relay authenticates them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .configuration import ConfigurationError
from .keys import derive

# The relay's port, on its Service and its pods. TLS from the first byte (implicit TLS).
RELAY_PORT = 8465
KEY_BYTES = 32

# The user name of the platform itself. It can't collide with a store's, which contains a slash.
PLATFORM = "platform"

_STORE = re.compile(r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)/[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True)
class Account:
    """An account at the relay. ``name``: the user name; ``sender``: the only address it may send from."""

    name: str
    username: str
    password: str
    sender: str


def store_account(key: bytes, name: str, uid: str, domain: str) -> Account:
    """Return a store's account. The password depends on the UID: a new store of the same name gets another one."""
    return _account(key, name, f"{name}/{uid}", domain)


def platform_account(key: bytes, domain: str) -> Account:
    """Return the account that the platform sends its own mails with."""
    return _account(key, PLATFORM, PLATFORM, domain)


def account_of(key: bytes, username: str, domain: str) -> Account | None:
    """Return the account with that user name; None if no account can have it."""
    if username == PLATFORM:
        return platform_account(key, domain)
    found = _STORE.fullmatch(username)
    # A store of that name would send from the platform's own address.
    return _account(key, found[1], username, domain) if found and found[1] != PLATFORM else None


def relay_host(namespace: str) -> str:
    """Return the relay's host name in the cluster, which its certificate contains."""
    return f"relay.{namespace}.svc"


def load_relay_key(file: Path) -> bytes:
    """Return the key that passwords are derived from.

    :raise ConfigurationError: it is missing or too short; the message never contains any of it.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"can't read the relay's key {file}: {error.strerror}") from error
    if len(key) < KEY_BYTES:
        remedy = f"openssl rand -hex 32 > {file}"
        raise ConfigurationError(f"the relay's key {file} must have at least {KEY_BYTES} bytes: {remedy}")
    return key


def owner_email(admin_email: str, owner: str) -> str:
    """Return the owner's mail address, "" if unknown. Many sign-in services use the address as the user name."""
    return admin_email or (owner if "@" in owner else "")


def _account(key: bytes, name: str, username: str, domain: str) -> Account:
    return Account(name, username, derive(key, "mail", username), f"{name}@{domain}")
