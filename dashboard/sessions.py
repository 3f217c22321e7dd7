"""Who is signed in: kept on the server, behind a cookie that says nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cachelib import SimpleCache
from flask import Flask, session
from flask_session import Session
from redis import Redis

from .client import Api, Caller
from .settings import Settings

# More people than may be signed in at one process at once.
MOST = 20_000


def keep_sessions(app: Flask, settings: Settings) -> None:
    """Server-side sessions: in the process, or in Redis for many of them."""
    values = settings.values
    app.secret_key = settings.secret_key
    app.config.update(
        PERMANENT_SESSION_LIFETIME=timedelta(hours=values["sessions"]["hours"]),
        SESSION_COOKIE_NAME="session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=values["publicURL"].startswith("https://"),
        SESSION_KEY_PREFIX="dashboard:",
        SESSION_SERIALIZATION_FORMAT="json",
    )
    url = values["sessions"]["url"]
    if url.startswith("memory://"):
        app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=SimpleCache(threshold=MOST))
    else:
        redis = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis)
    Session(app)


def begin(app: Flask, token: str, me: dict[str, Any]) -> None:
    """Somebody is signed in from here on, under a new session id: one that was known before is worth nothing."""
    language = session.get("language")
    session.clear()
    session.update(token=token, name=me["name"], role=me["role"])
    if language:
        session["language"] = language
    app.session_interface.regenerate(session)  # type: ignore[attr-defined]


def end() -> None:
    """Nobody is signed in any more."""
    session.clear()


def caller(api: Api, request_id: str) -> Caller | None:
    """Who is signed in; None where nobody is."""
    token = session.get("token")
    return Caller(api, token, session.get("version", ""), request_id) if token else None
