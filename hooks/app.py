"""The HTTP layer: parse, authenticate, limit, count, log and respond. ``core`` computes what to respond."""

from __future__ import annotations

import hmac
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from werkzeug.exceptions import HTTPException, Unauthorized

from storeplatform.common.configuration import file_in, load_token
from storeplatform.common.serving.logs import configure_logs
from storeplatform.common.times import written
from storeplatform.templates import ENGINES

from .core import (
    GuardError,
    MalformedRequest,
    RenderError,
    SyncRequest,
    customize,
    parse,
    sync,
    unreconciled,
)
from .metrics import Metrics
from .settings import Settings, load_settings
from .template_check import check_templates

# In bytes. A full store's request is 75 KB, and Metacontroller sends nothing close to this limit.
MAX_REQUEST_BYTES = 4 * 1024 * 1024

HOOKS = ("/sync", "/finalize", "/customize")

log = structlog.get_logger("hooks")


def create_app() -> Flask:
    """Return the service, configured by the files that environment variables name.

    STORE_PLATFORM_SETTINGS: the settings file.
    STORE_PLATFORM_ROOT_KEY_FILE and STORE_PLATFORM_TOKEN_FILE: the root key, and the bearer token that Metacontroller
    sends.
    STORE_PLATFORM_S3_CREDENTIALS_FILE: the object store's keys, if backups go to an object store.
    STORE_PLATFORM_RELAY_KEY_FILE and STORE_PLATFORM_RELAY_CA_FILE: the mail relay's key and the certificate of its
    certificate authority, if there is a relay.
    STORE_PLATFORM_ENGINES: a folder of engines to use instead of the installed ones.

    :raise ConfigurationError: a file is missing or invalid; the message says what to do.
    """
    configure_logs()
    engines = Path(os.environ.get("STORE_PLATFORM_ENGINES") or ENGINES)
    settings = load_settings(
        file_in("STORE_PLATFORM_SETTINGS"),
        engines,
        file_in("STORE_PLATFORM_ROOT_KEY_FILE"),
        _file("STORE_PLATFORM_S3_CREDENTIALS_FILE"),
        (_file("STORE_PLATFORM_RELAY_KEY_FILE"), _file("STORE_PLATFORM_RELAY_CA_FILE")),
    )
    check_templates(settings)
    return make_app(settings, load_token(file_in("STORE_PLATFORM_TOKEN_FILE")))


def _file(variable: str) -> Path | None:
    name = os.environ.get(variable)
    return Path(name) if name else None


def make_app(settings: Settings, token: str) -> Flask:
    """Return the WSGI application, which accepts Metacontroller's requests with the bearer token ``token``."""
    app = Flask("storeplatform.hooks", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    metrics = Metrics(CollectorRegistry())
    expected = f"Bearer {token}".encode()

    def authenticate() -> None:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            raise Unauthorized("the bearer token must be the one in this service's token file")

    def reconciled(asked: SyncRequest) -> dict[str, Any]:
        """Return the core's response; if it fails, the fallback response, which reports the failure in the Store's
        status.
        """
        try:
            return sync(asked, settings)
        except Exception as error:
            reason, message = _failure(error)
            metrics.unreconciled.labels(reason).inc()
            log.exception("not reconciled", store=g.store, reason=reason)
            return unreconciled(asked, reason, message)

    @app.post("/sync")
    @app.post("/finalize")
    def answer() -> Response:
        authenticate()
        asked = parse(request.get_data(cache=False), _now())
        g.store = asked.parent["metadata"]["name"]
        made = reconciled(asked)
        g.stage = _stage(made["status"])
        return Response(orjson.dumps(made), mimetype="application/json")

    @app.post("/customize")
    def related() -> Response:
        authenticate()
        asked = parse(request.get_data(cache=False), _now())
        g.store = asked.parent["metadata"]["name"]
        return Response(orjson.dumps({"relatedResources": customize(asked)}), mimetype="application/json")

    @app.get("/healthz")
    @app.get("/readyz")
    def healthy() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/metrics")
    def measured() -> Response:
        return Response(generate_latest(metrics.registry), mimetype=CONTENT_TYPE_LATEST)

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        if request.url_rule and request.url_rule.rule in HOOKS:
            hook, seconds, stage = request.url_rule.rule[1:], time.perf_counter() - g.started, g.get("stage", "")
            metrics.observe(hook, response.status_code, stage, seconds)
            log.log(
                20 if response.status_code == 200 else 40,
                hook,
                store=g.get("store", ""),
                status=response.status_code,
                stage=stage,
                milliseconds=round(seconds * 1000, 2),
                **g.get("problem", {}),
            )
        return response

    @app.errorhandler(MalformedRequest)
    def malformed(error: MalformedRequest) -> Response:
        return _problem(400, "malformed-request", str(error))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _problem(error.code or 500, "http", error.description or error.name)

    return app


def _stage(status: dict[str, Any]) -> str:
    """Return the first condition that is not True, or "Ready"."""
    unmet = [c for c in status["conditions"] if c["status"] == "False" and c["type"] != "Progressing"]
    return next((c["type"] for c in unmet if c["reason"] != "Waiting"), "Ready")


def _failure(error: Exception) -> tuple[str, str]:
    """Return a reason and a message for why a store is not reconciled; the message contains nothing of the request."""
    if isinstance(error, GuardError):
        return "Guard", f"the response would do damage, so it was not sent: {error}"
    if isinstance(error, RenderError):
        return "Template", f"the engine's templates failed: {error}"
    return "Error", f"the hooks failed with an unexpected {type(error).__name__}"


def _problem(status: int, kind: str, detail: str) -> Response:
    """Return a problem document (RFC 9457).

    Metacontroller copies the body into an event, so it is short and never contains anything of the request.
    """
    g.problem = {"problem": kind, "detail": detail}
    body = orjson.dumps({"type": f"urn:store-platform:{kind}", "status": status, "detail": detail})
    return Response(body, status, mimetype="application/problem+json")


def _now() -> str:
    return written(datetime.now(UTC))
