"""Limit how often a caller may call. If the counter is unavailable, reads continue and changes are refused.

Authenticated callers are counted by name. Rejected tokens are counted by address, and only they are: a valid token is
accepted whatever else comes from the same address, so nobody is affected by neighbours behind it.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g
from flask_limiter import Limiter
from limits import parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from storeplatform.common.redis_options import redis_options

from .operations import Operation
from .problems import Problem

PREFIX = "store-api"
# The prefix that one holder of IPv6 addresses usually has.
IPV6_NETWORK = 64


class Rates:
    """``settings``: the settings' ``rates``."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        options: dict[str, Any] = {"wrap_exceptions": True, **redis_options(settings["url"])}
        common: dict[str, Any] = {"storage_uri": settings["url"], "storage_options": options, "key_prefix": PREFIX}
        self._open = Limiter(_caller, swallow_errors=True, **common)
        self._closed = Limiter(_caller, swallow_errors=False, **common)
        self._refused = parse(settings["refused"])
        self._refusals = FixedWindowRateLimiter(storage_from_string(settings["url"], **options))

    def refuse_guesses(self, address: str) -> None:
        """Check the count of rejected tokens. :raise Problem: too many tokens from that address were rejected."""
        key = (PREFIX, "refused", network_of(address))
        try:
            if self._refusals.test(self._refused, *key):
                return
            reset = self._refusals.get_window_stats(self._refused, *key).reset_time
        except StorageError:
            return
        seconds = max(0, int(reset - time.time())) + 1
        headers = {"RateLimit-Limit": str(self._refused.amount), "RateLimit-Remaining": "0"}
        headers |= {"RateLimit-Reset": str(seconds), "Retry-After": str(seconds)}
        detail = f"too many invalid tokens (at most {self._refused}): wait, then try again with a valid one"
        raise Problem("too-many-requests", detail, headers=headers)

    def count_refused(self, address: str) -> None:
        """Count a rejected token from that address."""
        try:
            self._refusals.hit(self._refused, PREFIX, "refused", network_of(address))
        except StorageError:
            return

    def register(self, app: Flask) -> None:
        """Limit the application's operations. Callers are authenticated by then."""
        app.after_request(self._add_headers)
        self._open.init_app(app)
        self._closed.init_app(app)

    def limited(self, operation: Operation, view: Callable[..., Any]) -> Callable[..., Any]:
        """Return the view with its limit."""
        limiter = self._open if operation.method == "GET" else self._closed
        counted: Callable[..., Any] = limiter.shared_limit(
            self.settings[operation.rate.value], scope=operation.rate.value
        )(view)
        return counted

    def _add_headers(self, response: Response) -> Response:
        """Add the RateLimit headers, with relative seconds as in the RFC drafts."""
        limit = self._closed.current_limit or self._open.current_limit
        if limit is None:
            return response
        try:
            remaining, seconds = limit.remaining, max(0, int(limit.reset_at - time.time()) + 1)
        except StorageError:
            return response  # the limiter has logged it
        response.headers["RateLimit-Limit"] = str(limit.limit.amount)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = str(seconds)
        if response.status_code == 429:
            response.headers["Retry-After"] = str(seconds)
        return response


def network_of(address: str) -> str:
    """Return what an address is counted as: itself, or for IPv6 the network that one holder has."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address
    return address if version == 4 else str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))


def _caller() -> str:
    caller = g.get("caller")
    return str(caller.name if caller else g.address)
