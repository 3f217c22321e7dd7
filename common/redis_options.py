"""How every service connects to Redis, if the settings name one. Its library is imported only in that case."""

from __future__ import annotations

from typing import Any

from .timeouts import REDIS


def redis_options(url: str) -> dict[str, Any]:
    """Return the options for connections to that storage; empty if the storage is this process's memory.

    A server that hangs is reported after a timeout, and not tried again for the same request.
    """
    if not url.startswith("redis"):
        return {}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {"socket_connect_timeout": REDIS, "socket_timeout": REDIS, "retry": Retry(NoBackoff(), 0)}
