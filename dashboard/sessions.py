"""Store sign-ins on the server, by an id in a cookie.

The cookie is signed, and contains that id, the language, the form token and the page to continue to after signing in.
So visitors who are not signed in use no memory on the server. The number of stored sign-ins per user is limited.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import Any, Protocol

from cachetools import TTLCache
from flask import Flask, current_app, g, request, session

from storeplatform.common.redis_options import redis_options

from .settings import Settings

EXTENSION = "dashboard-sessions"
# Upper bounds: the users that are signed in to one process, and the browsers of one user.
MOST = 20_000
MOST_OF_ONE = 20
# These paths need no session.
FREE = {"static", "healthz", "readyz"}


@dataclass(frozen=True)
class SignedIn:
    """A user's sign-in. ``expires``: the token's expiry, as Unix time; 0: unknown.

    ``refresh``: the issuer's refresh token, if it gave one. ``issued``: whether an issuer signed them in.
    """

    name: str
    role: str
    token: str
    expires: float = 0
    refresh: str = ""
    issued: bool = False


class Kept(Protocol):
    """Sign-ins by id. They expire with the sessions' hours, or earlier if a user has too many."""

    def get(self, key: str) -> SignedIn | None:
        """Return the sign-in of that id; None if there is none."""

    def put(self, key: str, who: SignedIn) -> None:
        """Store it as the user's newest."""

    def remove(self, key: str) -> None:
        """Remove it."""


class KeptInMemory:
    """Store sign-ins in this process, for ``seconds`` each."""

    def __init__(self, seconds: float) -> None:
        self._known: TTLCache[str, SignedIn] = TTLCache(MOST, seconds)
        self._of: TTLCache[str, deque[str]] = TTLCache(MOST, seconds)
        self._lock = Lock()

    def get(self, key: str) -> SignedIn | None:
        with self._lock:
            return self._known.get(key)

    def put(self, key: str, who: SignedIn) -> None:
        with self._lock:
            theirs = self._of.get(who.name, deque())
            if key not in theirs:
                theirs.append(key)
            while len(theirs) > MOST_OF_ONE:
                self._known.pop(theirs.popleft(), None)
            self._of[who.name], self._known[key] = theirs, who

    def remove(self, key: str) -> None:
        with self._lock:
            self._known.pop(key, None)


class KeptInRedis:
    """Store sign-ins in Redis, shared by several processes, for ``seconds`` each.

    :raise RedisError: by each method.
    """

    def __init__(self, url: str, seconds: float) -> None:
        from redis import Redis

        self._redis = Redis.from_url(url, **redis_options(url))
        self._seconds = int(seconds)

    def get(self, key: str) -> SignedIn | None:
        found: Any = self._redis.get(f"dashboard:{key}")
        return SignedIn(**json.loads(found)) if found else None

    def put(self, key: str, who: SignedIn) -> None:
        theirs = f"dashboard-of:{who.name}"
        with self._redis.pipeline() as pipeline:
            pipeline.set(f"dashboard:{key}", json.dumps(asdict(who)), ex=self._seconds)
            pipeline.zadd(theirs, {key: time.time()})
            pipeline.expire(theirs, self._seconds)
            pipeline.zrange(theirs, 0, -MOST_OF_ONE - 1)
            too_many: list[bytes] = pipeline.execute()[-1]
        if too_many:
            self._redis.delete(*(f"dashboard:{each.decode()}" for each in too_many))
            self._redis.zrem(theirs, *too_many)

    def remove(self, key: str) -> None:
        self._redis.delete(f"dashboard:{key}")


def keep_sessions(app: Flask, settings: Settings) -> None:
    """Add sessions to the application, stored in the process or in Redis."""
    values = settings.values
    https, seconds = values["publicURL"].startswith("https://"), values["sessions"]["hours"] * 3600
    app.secret_key = settings.secret_key
    app.config.update(
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=seconds),
        # With this prefix, a browser accepts the cookie from this host only, and not from a shop below the same domain.
        SESSION_COOKIE_NAME="__Host-session" if https else "session",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
    )
    url = values["sessions"]["url"]
    kept: Kept = KeptInMemory(seconds) if url.startswith("memory://") else KeptInRedis(url, seconds)
    app.extensions[EXTENSION] = kept

    @app.before_request
    def know() -> None:
        if request.endpoint not in FREE and (key := session.get("id")):
            g.signed_in = kept.get(key)


def failures(settings: Settings) -> tuple[type[Exception], ...]:
    """The errors that say that the sessions can't be read."""
    if settings.values["sessions"]["url"].startswith("memory://"):
        return ()
    from redis.exceptions import RedisError

    return (RedisError,)


def current() -> SignedIn | None:
    """The signed-in user; None if nobody is signed in, or the session was not read."""
    found: SignedIn | None = g.get("signed_in")
    return found


def begin(who: SignedIn) -> None:
    """Start a session with a new id, so that an id from before the sign-in is useless."""
    end()
    session["id"], session.permanent = secrets.token_urlsafe(32), True
    _kept().put(session["id"], who)
    g.signed_in = who


def renew(token: str, expires: float, refresh: str) -> SignedIn | None:
    """Replace the token of the session; None if the user has signed out meanwhile."""
    if (known := again()) is None:
        return None
    g.signed_in = replace(known, token=token, expires=expires, refresh=refresh)
    _kept().put(session["id"], g.signed_in)
    return current()


def again() -> SignedIn | None:
    """The session as it is stored now: another request of the same user may have changed it."""
    g.signed_in = _kept().get(session["id"]) if "id" in session else None
    return current()


def end() -> None:
    """End the session. The language is kept."""
    if key := session.get("id"):
        _kept().remove(key)
    language = session.get("language")
    session.clear()
    g.signed_in = None
    if language:
        session["language"] = language


def _kept() -> Kept:
    kept: Kept = current_app.extensions[EXTENSION]
    return kept
