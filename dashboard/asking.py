"""What every page needs: the signed-in user, and the API on their behalf."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import current_app, g, redirect, request, session, url_for
from werkzeug.exceptions import HTTPException

from .client import Api, CallerApi, Visit
from .offers import in_words
from .sessions import current

API, ISSUER = "dashboard-api", "dashboard-issuer"


def me() -> CallerApi:
    """Return the API on behalf of the signed-in user.

    Everyone else is redirected to the sign-in page, which leads back here.
    """
    if "me" not in g:
        who = current()
        if who and (issuer := current_app.extensions[ISSUER]):
            who = issuer.renewed(who)
        if who is None:
            raise _Elsewhere(url_for("signin.page", next=address()))
        visit = Visit(who.token, request.remote_addr or "", g.get("request_id", ""), g.ends)
        g.me = CallerApi(_api(), visit, session.get("version", ""))
    asks: CallerApi = g.me
    return asks


def address() -> str:
    """Return the address where this page can be loaded again. The address of each form can be loaded, too."""
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def role() -> str:
    """Return the role of the signed-in user; "" if nobody is signed in."""
    who = current()
    return who.role if who else ""


def remember_version() -> None:
    """Store the version of the last write in the session, so that later pages are as new: see ``CallerApi``."""
    if "me" in g and g.me.version and g.me.version != session.get("version"):
        session["version"] = g.me.version


def _api() -> Api:
    api: Api = current_app.extensions[API]
    return api


def now() -> datetime:
    """Return the time of this request, the same for all parts of the page."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    asked_at: datetime = g.now
    return asked_at


class _Elsewhere(HTTPException):
    """A redirect instead of the page."""

    def __init__(self, target: str) -> None:
        super().__init__(response=redirect(target))


def choices() -> dict[str, Any]:
    """Return the available engines and plans by name, with texts in the reader's language."""
    asks = me()
    return {
        kind: {each["name"]: {**each, text: in_words(each[text])} for each in asks.read(f"/{kind}")["items"]}
        for kind, text in (("engines", "description"), ("plans", "title"))
    }
