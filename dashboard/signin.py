"""Sign in and out: with a token, or at an issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Flask, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response as BaseResponse

from storeplatform.common.redis_options import redis_options

from . import sessions
from .client import Api, ApiProblem, CallerApi, Visit
from .identity import NotConfirmed, expiry_of
from .sessions import SignedIn
from .settings import Settings

if TYPE_CHECKING:
    from .issuer import Issuer


def here(target: str) -> str:
    """Return a path of this dashboard to continue to; its first page if the target is anything else."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if ours and "\\" not in target and target.isprintable() else "/"


def register(app: Flask, api: Api, settings: Settings, issuer: Issuer | None) -> None:
    """Register the pages for it."""
    blueprint = Blueprint("signin", __name__)
    # Counted where sessions are stored, so that several dashboard processes count together.
    storage = settings.values["sessions"]["url"]
    limiter = Limiter(
        get_remote_address,
        app=app,
        storage_uri=storage,
        storage_options={"wrap_exceptions": True, **redis_options(storage)},
        key_prefix="dashboard",
    )
    limited = limiter.limit(settings.values["rates"]["signIn"], methods=["POST"])

    @blueprint.get("/signin")
    def page() -> str:
        return _form(request.args.get("next", "/"))

    @blueprint.post("/signin")
    @limited
    def by_token() -> BaseResponse | tuple[str, int]:
        token, target = request.form.get("token", "").strip(), request.form.get("next", "/")
        if not token or not token.isascii() or any(character.isspace() for character in token):
            return _form(target, _("Paste your token: one line of letters and digits.")), 422
        return _enter(token, target)

    @blueprint.get("/signin/issuer")
    def to_issuer() -> BaseResponse | tuple[str, int]:
        target = here(request.args.get("next", "/"))
        if issuer is None:
            return redirect(url_for("signin.page"))
        session["next"] = target
        try:
            return issuer.ask()
        except NotConfirmed:
            return _form(target, _("Your issuer does not answer. Try again in a moment.")), 503

    @blueprint.get("/signin/callback")
    def from_issuer() -> BaseResponse | tuple[str, int]:
        target = session.pop("next", "/")
        if issuer is None:
            return redirect(url_for("signin.page"))
        try:
            token, refresh = issuer.confirmed()
        except NotConfirmed:
            return _form(target, _("Your issuer did not confirm who you are. Try again.")), 401
        return _enter(token, target, refresh, issued=True)

    @blueprint.get("/signin/link/<word>")
    def by_link(word: str) -> BaseResponse | tuple[str, int]:
        token = settings.links.get(word, "")
        return _enter(token, "/") if token else redirect(url_for("signin.page"))

    @blueprint.post("/signout")
    def leave() -> BaseResponse:
        who = sessions.current()
        sessions.end()
        at_issuer = issuer.leave(who.token) if issuer and who and who.issued else ""
        return redirect(at_issuer or url_for("signin.page"))

    def _enter(token: str, target: str, refresh: str = "", issued: bool = False) -> BaseResponse | tuple[str, int]:
        try:
            me = CallerApi(api, Visit(token, request.remote_addr or "", g.request_id)).read("/me")
        except ApiProblem as problem:
            if problem.status not in (401, 403):
                raise
            words = {
                401: _("This token is invalid or has expired. Ask your platform team for a new one."),
                403: _("Your account may not use this page. Ask your platform team."),
            }
            return _form(target, words[problem.status]), problem.status
        sessions.begin(SignedIn(me["name"], me["role"], token, expiry_of(token), refresh, issued))
        return redirect(here(target))

    def _form(target: str, fault: str = "") -> str:
        return render_template("signin.html", target=here(target), fault=fault, issuer=issuer is not None)

    app.register_blueprint(blueprint)
