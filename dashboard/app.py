"""The Flask application: its pages, and what applies to all of them."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, redirect, render_template, request, session, url_for
from flask_babel import Babel
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError, CSRFProtect
from limits.errors import StorageError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from storeplatform.common.timeouts import DASHBOARD_PAGE

from . import administration, filters, history, languages, live, refusals, sessions, signin, store, stores
from .asking import API, ISSUER, address, now, remember_version, role
from .client import Api, ApiProblem, ApiUnavailable
from .languages import LANGUAGES
from .settings import Settings
from .signin import here
from .state import stage

if TYPE_CHECKING:
    from .issuer import Issuer

MAX_REQUEST_BYTES = 64 * 1024

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger("dashboard")


def make_app(settings: Settings) -> Flask:
    """Return the WSGI application."""
    app = Flask("storeplatform.dashboard")
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    if proxies := settings.values["trustedProxies"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    api = Api(settings.values["api"]["url"], settings.api_key)
    issuer = _issuer(app, settings)
    app.extensions[API], app.extensions[ISSUER] = api, issuer
    app.extensions["dashboard-streams"] = live.places(settings.values["streams"])

    @app.before_request
    def begin() -> None:
        g.request_id, g.ends = uuid.uuid4().hex, time.monotonic() + DASHBOARD_PAGE

    sessions.keep_sessions(app, settings)
    CSRFProtect(app)
    Babel(app, locale_selector=_locale)
    signin.register(app, api, settings, issuer)
    for pages in (stores, store, administration, live):
        app.register_blueprint(pages.blueprint)
    _templates(app)
    _health(app, api)
    _errors(app, settings)

    @app.get("/language")
    @app.get("/signout")
    def reload() -> BaseResponse:
        """Redirect from the address of a form that is loaded again."""
        return redirect(url_for("stores.overview"))

    @app.post("/language")
    def language() -> BaseResponse:
        if (wanted := request.form.get("language", "")) in LANGUAGES:
            session["language"] = wanted
        return redirect(here(request.form.get("next", "/")))

    @app.after_request
    def finish(response: Response) -> Response:
        remember_version()
        for name, value in SECURITY_HEADERS.items():
            response.headers[name] = value
        leads_to = " ".join(["'self'", *_origins(issuer)])
        response.headers["Content-Security-Policy"] += f"; form-action {leads_to}"
        response.headers["X-Request-Id"] = g.get("request_id", "")
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=3600"
        else:
            response.headers["Cache-Control"] = "no-store"
        if settings.values["publicURL"].startswith("https://"):
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response

    return app


def _issuer(app: Flask, settings: Settings) -> Issuer | None:
    """Return the issuer that people sign in at, or None. Its libraries are imported only if there is one."""
    if not settings.values["oidc"]["issuer"]:
        return None
    from .issuer import Issuer

    return Issuer(app, settings)


def _origins(issuer: Issuer | None) -> list[str]:
    """Return the origins that forms may lead to: signing out leads to the issuer, and redirects of a form count as
    targets.
    """
    return sorted(issuer.origins) if issuer else []


def _language() -> str:
    return session.get("language") or languages.language(request.accept_languages.values())


def _locale() -> str:
    return languages.regional(_language(), request.accept_languages.values())


def _templates(app: Flask) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        ago=lambda text: filters.ago(text, now()),
        binary=filters.binary,
        condition=filters.condition,
        currency=filters.currency,
        daily_hour=filters.daily_hour,
        day=filters.day,
        exact=filters.exact,
        history_line=history.line,
        hour=filters.hour,
        phase_word=filters.phase_word,
        size=filters.size,
        stage=stage,
        yaml=filters.as_yaml,
    )
    app.jinja_env.globals.update(
        currencies=filters.currencies, price_formats=filters.price_formats, territories=filters.territories
    )

    @app.context_processor
    def common() -> dict[str, Any]:
        return {
            "me": sessions.current(),
            "address": address(),
            "languages": LANGUAGES,
            "language": _language(),
            "locale": _locale().replace("_", "-"),
            "icons": filters.STAGES,
            "since": g.me.since if "me" in g else "",
        }


def _health(app: Flask, api: Api) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> Response:
        """Report whether the API is ready: without it no page can be shown."""
        ready = api.answers()
        return Response("ok\n" if ready else "the API does not answer\n", 200 if ready else 503, mimetype="text/plain")


def _errors(app: Flask, settings: Settings) -> None:
    def page(status: int, title: str, words: str, retry_after: int = 0) -> Response:
        text = render_template("error.html", title=title, words=words, status=status)
        headers = {"Retry-After": str(retry_after)} if retry_after else {}
        return Response(text, status, headers)

    @app.errorhandler(ApiUnavailable)
    def api_unavailable(error: ApiUnavailable) -> Response:
        log.error("the API does not answer", error=str(error), request_id=g.request_id)
        words = _("The shops keep selling; only this page can't show their state. Try again in a moment.")
        if request.method == "POST":
            words = _("The shops keep selling. Your change may have been saved or not: look before you repeat it.")
        return page(503, _("The platform does not answer"), words, 5)

    def sessions_unavailable(error: Exception) -> Response:
        log.error("the sessions can't be read", error=type(error).__name__, request_id=g.request_id)
        words = _("The shops keep selling; only this page can't show their state. Try again in a moment.")
        return page(503, _("The platform does not answer"), words, 5)

    failures: tuple[type[Exception], ...] = (StorageError, *sessions.failures(settings))
    for kind in failures:
        app.register_error_handler(kind, sessions_unavailable)

    @app.errorhandler(ApiProblem)
    def refused(error: ApiProblem) -> BaseResponse:
        if error.status == 401:
            sessions.end()
            return redirect(url_for("signin.page", next=address()))
        if error.status == 404:
            return page(404, _("There is no such shop"), _("It may have been deleted, or belongs to somebody else."))
        if error.status == 403:
            return page(403, _("You may not see this page"), refusals.summary(error, role()))
        if error.status == 429:
            seconds = error.retry_after or 60
            words = _("You sent too many requests. Try again in %(s)s seconds.", s=seconds)
            return page(429, _("Too many requests"), words, seconds)
        if error.status == 503:
            words = refusals.summary(error, role())
            return page(503, _("The platform can't do this now"), words, error.retry_after or 5)
        if error.status in (400, 414, 422):
            return page(error.status, _("This address is not valid"), _("Go back to your shops."))
        log.error("the API answered with an error", status=error.status, detail=error.detail, request_id=g.request_id)
        return page(502, _("Something went wrong"), refusals.summary(error, role()))

    @app.errorhandler(CSRFError)
    def stale_form(_error: CSRFError) -> Response:
        words = _("This page was open for too long, or was opened in another way. Go back, load it again and repeat.")
        return page(400, _("This form is no longer valid"), words)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> BaseResponse:
        if error.response is not None:
            return error.get_response()
        if error.code == 429:
            words = _("Too many tries to sign in. Wait a minute, then try again.")
            return page(429, _("Too many requests"), words, 60)
        if error.code == 404:
            return page(404, _("There is no such page"), _("Go back to your shops."))
        return page(error.code or 500, _("This address is not valid"), _("Go back and try again."))

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("a page failed", exc_info=error, request_id=g.get("request_id", ""))
        return page(500, _("Something went wrong"), _("It is written in the dashboard's log. Try again in a moment."))
