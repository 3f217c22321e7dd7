"""Through which interface a request came, and from which address: what the dashboard reports of its visitors counts.

The dashboard calls for everybody who is signed in, from one address. It proves that it is the dashboard by a key that
the two share, and then says whom it calls for; from anybody else the same headers mean nothing.
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
    """The interface of a request. ``key``: the dashboard's key; empty if there is no dashboard."""
    address, given = request.remote_addr or "", request.headers.get(KEY_HEADER, "")
    if not key or not hmac.compare_digest(given.encode(), key.encode()):
        return Interface("api", address)
    try:
        return Interface("dashboard", str(ipaddress.ip_address(request.headers.get(ADDRESS_HEADER, ""))))
    except ValueError:
        return Interface("dashboard", address)
