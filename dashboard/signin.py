"""Signing in and out: by a token, or at an issuer (authorization code with PKCE)."""

from __future__ import annotations

from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from requests import RequestException
from werkzeug.wrappers import Response as BaseResponse

from . import sessions
from .client import Api, ApiProblem, Caller
from .settings import Settings


def here(target: str) -> str:
    """A path of this dashboard to go on to; its first page where the target is anything else."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return target if ours and "\\" not in target and target.isprintable() else "/"


def register(app: Flask, api: Api, settings: Settings) -> None:
    """The pages for it."""
    blueprint = Blueprint("signin", __name__)
    oidc, public = settings.values["oidc"], settings.values["publicURL"].rstrip("/")
    issuer = _issuer(app, settings) if oidc["issuer"] else None
    # Counted where sessions are kept, so that many dashboards count together.
    storage = settings.values["sessions"]["url"]
    limiter = Limiter(get_remote_address, app=app, storage_uri=storage, key_prefix="dashboard")
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
    def to_issuer() -> BaseResponse:
        if issuer is None:
            return redirect(url_for("signin.page"))
        session["next"] = here(request.args.get("next", "/"))
        answer: BaseResponse = issuer.authorize_redirect(f"{public}/signin/callback")
        return answer

    @blueprint.get("/signin/callback")
    def from_issuer() -> BaseResponse | tuple[str, int]:
        target = session.pop("next", "/")
        if issuer is None:
            return redirect(url_for("signin.page"))
        try:
            token = issuer.authorize_access_token()
        except (OAuthError, RequestException):
            return _form(target, _("Your issuer did not confirm who you are. Try again.")), 401
        return _enter(token["id_token"], target)

    @blueprint.get("/signin/link/<word>")
    def by_link(word: str) -> BaseResponse | tuple[str, int]:
        token = settings.links.get(word, "")
        return _enter(token, "/") if token else redirect(url_for("signin.page"))

    @blueprint.post("/signout")
    def leave() -> BaseResponse:
        sessions.end()
        return redirect(url_for("signin.page"))

    def _enter(token: str, target: str) -> BaseResponse | tuple[str, int]:
        try:
            me = Caller(api, token).read("/me")
        except ApiProblem as problem:
            if problem.status not in (401, 403):
                raise
            return _form(target, problem.detail), problem.status
        sessions.begin(current_app, token, me)
        return redirect(here(target))

    def _form(target: str, fault: str = "") -> str:
        return render_template("signin.html", target=here(target), fault=fault, issuer=bool(oidc["issuer"]))

    app.register_blueprint(blueprint)


def _issuer(app: Flask, settings: Settings) -> OAuth:
    oidc = settings.values["oidc"]
    oauth = OAuth(app)
    oauth.register(
        "issuer",
        client_id=oidc["clientId"],
        client_secret=settings.client_secret or None,
        server_metadata_url=oidc["issuer"].rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": oidc["scopes"],
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "client_secret_basic" if settings.client_secret else "none",
            "timeout": 10,
        },
    )
    return oauth.issuer
