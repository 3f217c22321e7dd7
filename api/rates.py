"""How often a caller may ask. When the counter is away, reading goes on and changing does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits.errors import StorageError

from .operations import Operation

# A counter in Redis that does not answer must not hold a request up.
REDIS_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 1}


class Rates:
    """``settings``: the settings' ``rates``. Callers are counted by name, refused tokens by address."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        options: dict[str, Any] = {"wrap_exceptions": True}
        if settings["url"].startswith("redis"):
            options |= REDIS_OPTIONS
        common: dict[str, Any] = {"storage_uri": settings["url"], "storage_options": options, "key_prefix": "store-api"}
        self._open = Limiter(_caller, swallow_errors=True, **common)
        self._closed = Limiter(_caller, swallow_errors=False, **common)
        self._refused = Limiter(
            get_remote_address,
            swallow_errors=True,
            application_limits=[settings["refused"]],
            application_limits_deduct_when=lambda response: response.status_code == 401,
            **common,
        )

    def before_authentication(self, app: Flask) -> None:
        """Who was refused too often is not even asked who they are."""
        self._refused.init_app(app)

    def after_authentication(self, app: Flask) -> None:
        """From here on callers have names."""
        app.after_request(self._tell)
        self._open.init_app(app)
        self._closed.init_app(app)

    def limited(self, operation: Operation, view: Callable[..., Any]) -> Callable[..., Any]:
        """The view, counted."""
        limiter = self._open if operation.method == "GET" else self._closed
        counted: Callable[..., Any] = limiter.shared_limit(
            self.settings[operation.rate.value], scope=operation.rate.value
        )(view)
        return counted

    def _tell(self, response: Response) -> Response:
        """The RateLimit headers, with seconds as RFC drafts have them."""
        limit = self._closed.current_limit or self._open.current_limit
        if limit is None and response.status_code in (401, 429):
            limit = self._refused.current_limit
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


def _caller() -> str:
    caller = g.get("caller")
    return caller.name if caller else get_remote_address()
