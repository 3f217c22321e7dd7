"""What every page needs: who asks, and the API for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import current_app, g, redirect, request, session, url_for
from werkzeug.exceptions import HTTPException

from .client import Api, CallerApi, Visit
from .sessions import current

API, ISSUER = "dashboard-api", "dashboard-issuer"


def me() -> CallerApi:
    """The API for who is signed in. Who is not is sent to sign in, and comes back here."""
    if "me" not in g:
        who = current()
        if who and (issuer := current_app.extensions[ISSUER]):
            who = issuer.renewed(who)
        if who is None:
            target = request.full_path.rstrip("?") if request.method == "GET" else "/"
            raise _Elsewhere(url_for("signin.page", next=target))
        visit = Visit(who.token, request.remote_addr or "", g.get("request_id", ""), g.ends)
        g.me = CallerApi(_api(), visit, session.get("version", ""))
    asks: CallerApi = g.me
    return asks


def role() -> str:
    """Of who is signed in."""
    who = current()
    return who.role if who else ""


def remember_version() -> None:
    """What was written stays read: see ``CallerApi``."""
    if "me" in g and g.me.version and g.me.version != session.get("version"):
        session["version"] = g.me.version


def _api() -> Api:
    api: Api = current_app.extensions[API]
    return api


def now() -> datetime:
    """The moment a page is made at, one for all of it."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


class _Elsewhere(HTTPException):
    """An answer in place of the page."""

    def __init__(self, target: str) -> None:
        super().__init__(response=redirect(target))


def choices() -> dict[str, Any]:
    """Engines and plans, by name, as the API offers them."""
    asks = me()
    return {kind: {each["name"]: each for each in asks.read(f"/{kind}")["items"]} for kind in ("engines", "plans")}
