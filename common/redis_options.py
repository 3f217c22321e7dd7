"""How every service uses a Redis, where the settings name one. Only there is its library imported."""

from __future__ import annotations

from typing import Any

from .timeouts import REDIS


def redis_options(url: str) -> dict[str, Any]:
    """The options of a connection to that storage: a server that hangs is reported, and not asked again for the same
    request. None where the storage is this process's memory."""
    if not url.startswith("redis"):
        return {}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {"socket_connect_timeout": REDIS, "socket_timeout": REDIS, "retry": Retry(NoBackoff(), 0)}
