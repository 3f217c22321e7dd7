"""Determine through which interface a request came, and from which address: the dashboard forwards its visitors'
addresses.

The dashboard calls for everyone who is signed in, all from one address. It proves its identity with a shared key and
names the client's address in headers; from other callers these headers are ignored.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from flask import Request

KEY_HEADER = "X-Store-Platform-Dashboard"
ADDRESS_HEADER = "X-Store-Platform-Client"


@dataclass(frozen=True)
class Interface:
    """``name``: "api" or "dashboard". ``address``: the client's, as far as it is known."""

    name: str
    address: str


def interface_of(request: Request, key: str) -> Interface:
    """Return the interface of a request.

    :param key: the dashboard's key; "" if there is no dashboard.
    """
    address, given = request.remote_addr or "", request.headers.get(KEY_HEADER, "")
    if not key or not hmac.compare_digest(given.encode(), key.encode()):
        return Interface("api", address)
    try:
        return Interface("dashboard", str(ipaddress.ip_address(request.headers.get(ADDRESS_HEADER, ""))))
    except ValueError:
        return Interface("dashboard", address)
