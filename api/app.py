"""The HTTP layer of the intent API: authenticate, limit, dispatch and measure requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, g, request
from kubernetes.client.exceptions import ApiException
from limits.errors import StorageError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

from .cache import Cache
from .callers import ALLOWED, Access, Caller, Identity, role_of
from .cluster import Unreachable, begin_request
from .documentation import Documentation
from .entries import version_in
from .interfaces import interface_of
from .metrics import Metrics
from .operations import Operation, operations_of
from .problems import Problem
from .rates import Rates
from .refusals import UNAVAILABLE, problem_of
from .requests import call_of, read, request_id_of, response_of
from .resources import resources
from .services import Services
from .tokens import InvalidToken, IssuerUnavailable, Tokens

PREFIX = "/api/v1"
MAX_REQUEST_BYTES = 64 * 1024
# In seconds: how long a request waits until the cache contains what the caller wrote through another process.
CATCH_UP_SECONDS = 2.0

HTTP_KINDS = {
    400: "malformed-request",
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    503: "unavailable",
}
SOON = {"Retry-After": "1"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="store-platform"'}

# Responses are not pages: nothing may frame them, and only the caller may cache them.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

log = structlog.get_logger("api")


def make_app(services: Services) -> Flask:
    """Return the WSGI application. The process that serves it must start ``services``, and stop it at the end."""
    app = Flask("storeplatform.api", static_folder=None, template_folder=None)
    origins = services.settings["cors"]["origins"]
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    # An owner may be "https://issuer#sub", so slashes in paths must not be merged.
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = bool(origins)
    if proxies := services.settings["trustedProxies"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    operations = {each.name: each for resource in resources(services) for each in operations_of(resource)}
    metrics = Metrics(services.registry, services.cache, services.streams)
    rates = Rates(services.settings["rates"])

    @app.before_request
    def begin() -> None:
        begin_request()
        g.started, g.request_id = time.perf_counter(), request_id_of(request)
        interface = interface_of(request, services.dashboard_key)
        g.interface, g.address = interface.name, interface.address
        metrics.in_progress.inc()

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        metrics.in_progress.dec()

    @app.before_request
    def authenticate() -> None:
        operation = operations.get(request.endpoint or "")
        if operation and operation.access is not Access.PUBLIC and request.method != "OPTIONS":
            g.caller = _caller(services, rates)

    rates.register(app)
    for each in operations.values():
        view = rates.limited(each, _view(services, each))
        app.add_url_rule(PREFIX + each.path, each.name, view, methods=[each.method])
    Documentation(operations.values()).serve(app, PREFIX)
    _health(app, services)

    @app.after_request
    def finish(response: Response) -> Response:
        seconds, rule = time.perf_counter() - g.started, request.endpoint or "none"
        metrics.observe(rule, response.status_code, seconds)
        response.headers["X-Request-Id"] = g.request_id
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if rule in operations:
            log.info(
                rule,
                caller=g.caller.name if "caller" in g else "",
                store=(request.view_args or {}).get("name", ""),
                status=response.status_code,
                milliseconds=round(seconds * 1000, 2),
                request_id=g.request_id,
            )
        return response

    _errors(app)
    if origins:
        from flask_cors import CORS

        CORS(app, origins=origins, expose_headers=["ETag", "Location", "Resource-Version", "X-Request-Id"])
    return app


def _caller(services: Services, rates: Rates) -> Caller:
    """Return the caller.

    :raise Problem: the request has no valid token, or its user has no role here.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem("unauthenticated", "send a token: Authorization: Bearer <token>", headers=CHALLENGE)
    identity = services.tokens.known(token.strip()) or _identified(token.strip(), services.tokens, rates)
    role = role_of(identity, services.settings["roles"])
    if role is None:
        raise Problem("forbidden", f"{identity.name} is in no group that may use this platform: ask its admins")
    return Caller(identity.name, role, identity.expires)


def _identified(token: str, tokens: Tokens, rates: Rates) -> Identity:
    """Return the identity that the token proves.

    :raise Problem: the token is invalid, too many invalid ones came from that address, or it can't be checked now.
    """
    if tokens.costs(token):
        rates.refuse_guesses(g.address)
    try:
        return tokens.identify(token)
    except InvalidToken as error:
        rates.refuse_guesses(g.address)
        rates.count_refused(g.address)
        raise Problem("unauthenticated", str(error), headers=CHALLENGE) from None
    except IssuerUnavailable as error:
        raise Problem("unavailable", f"{error}: try again", headers=UNAVAILABLE) from error


def _view(services: Services, operation: Operation) -> Callable[..., Response]:
    assert operation.function  # noqa: S101 (of every operation that is bound to its resource)
    function = operation.function

    def view(**_: Any) -> Response:
        call = call_of(operation, request, g.caller, g.request_id, g.interface)
        try:
            if call.caller.role not in ALLOWED[operation.access]:
                raise Problem("forbidden", f"your role ({call.caller.role.value}) is not allowed to do this")
            _catch_up(services.cache)
            version = services.cache.version
            call = read(operation, request, call)
            response = response_of(function(call))
            if operation.method == "GET":
                # The response is at least as new as this version, so /changes can continue from it.
                response.headers["Resource-Version"] = str(version)
            return response
        except (Problem, ApiException) as error:
            problem = error if isinstance(error, Problem) else problem_of(error)
            if operation.action:
                services.trail.refused(call, problem)
            raise problem from (None if problem is error else error)
        except Unreachable:
            if operation.action and operation.method != "GET":
                services.trail.unanswered(call)
            raise

    view.__name__ = operation.name
    return view


def _catch_up(cache: Cache) -> None:
    """Wait until the cache contains what the caller wrote.

    :raise Problem: it does not in time, or the cache is still empty.
    """
    least = version_in(request.headers.get("Min-Resource-Version", ""))
    if least is not None and not cache.wait_for(least, CATCH_UP_SECONDS):
        raise Problem("not-yet", "this server has not seen that version yet: try again", headers=SOON)
    if not cache.synced:
        raise Problem("unavailable", "this server is still reading the stores: try again", headers=SOON)


def _health(app: Flask, services: Services) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> tuple[dict[str, Any], int]:
        """Report whether all stores have been read and the process is not shutting down, and how stale the cache is."""
        cache = services.cache
        ready = cache.synced and not cache.stopping
        state = {
            "stores": len(cache),
            "resourceVersion": str(cache.version),
            "staleSeconds": round(cache.stale_seconds(), 1),
        }
        return {"ready": ready, "cache": state}, 200 if ready else 503


def _errors(app: Flask) -> None:
    def answer(problem: Problem) -> Response:
        return problem.response(g.get("request_id", ""))

    @app.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return answer(error)

    needs = {Unreachable: "the cluster", StorageError: "the counter of requests", SQLAlchemyError: "the audit database"}

    def unavailable(error: Exception) -> Response:
        log.error("what a request needs is unavailable", error=type(error).__name__, request_id=g.get("request_id", ""))
        what = next(what for kind, what in needs.items() if isinstance(error, kind))
        return answer(Problem("unavailable", f"{what} does not answer: try again", headers=UNAVAILABLE))

    for kind in needs:
        app.register_error_handler(kind, unavailable)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status == 429:
            return answer(Problem("too-many-requests", f"at most {error.description}: wait, then try again"))
        kind = HTTP_KINDS.get(status, "internal" if status >= 500 else "malformed-request")
        headers = {"Allow": ", ".join(error.valid_methods or ())} if isinstance(error, MethodNotAllowed) else {}
        headers |= SOON if status == 503 else {}
        return answer(Problem(kind, error.description or error.name, headers=headers))

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("a request failed", exc_info=error, request_id=g.get("request_id", ""))
        detail = "the API failed; its log has the cause under this request's id"
        return answer(Problem("internal", detail))
