"""The gate over HTTP: it parses, limits, measures and answers; what to answer is ``Gate``'s."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, request
from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry

from storeplatform.api.audit import Audit
from storeplatform.api.settings import load_api_settings
from storeplatform.hooks.serving import configure_logs
from storeplatform.hooks.settings import ConfigurationError

from .cluster import Cluster
from .gate import Gate
from .metrics import Metrics
from .review import MalformedReview, parse
from .slots import Slots

# The API server takes 3 MiB of a request, and sends an old and a new object.
MAX_REQUEST_BYTES = 8 * 1024 * 1024

API_USER = "system:serviceaccount:store-platform:api"


@dataclass(frozen=True)
class Service:
    """The application, and what its worker has to start and to end."""

    app: Flask
    audit: Audit
    registry: CollectorRegistry


def create_service() -> Service:
    """The gate, from what the environment names.

    STORE_PLATFORM_API_SETTINGS: the settings file. STORE_PLATFORM_API_USER: who the intent API is to the API server.

    :raise ConfigurationError: one is missing or wrong; the message says what to do.
    """
    configure_logs()
    settings, registry = load_api_settings(), CollectorRegistry()
    kept, quota = settings["audit"], settings["quota"]
    audit = Audit(kept["url"], Path(kept["spool"]), kept["spoolBytes"], kept["retentionDays"], registry)
    try:
        cluster = Cluster()
    except ConfigException as error:
        raise ConfigurationError(f"the gate must run in a cluster, or KUBECONFIG must name one: {error}") from error
    slots, metrics = Slots(cluster, quota["owner"], quota["everybody"]), Metrics(registry)
    api_user = os.environ.get("STORE_PLATFORM_API_USER") or API_USER
    gate = Gate(cluster, slots, audit, metrics, api_user, settings["shards"])
    return Service(make_app(gate, metrics), audit, registry)


def make_app(gate: Gate, metrics: Metrics) -> Flask:
    """The WSGI application for an API server."""
    app = Flask("storeplatform.gate", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES

    @app.post("/admission/stores")
    def judge() -> Response:
        started, review = time.perf_counter(), parse(request.get_data(cache=False))
        answer = gate.judge(review)
        metrics.seconds.labels(review.operation).observe(time.perf_counter() - started)
        return Response(answer, mimetype="application/json")

    @app.post("/admission/stores/attempts")
    def attempt() -> Response:
        return Response(gate.attempt(parse(request.get_data(cache=False))), mimetype="application/json")

    @app.post("/admission/quotas")
    def judge_quota() -> Response:
        return Response(gate.judge_quota(parse(request.get_data(cache=False))), mimetype="application/json")

    @app.get("/healthz")
    @app.get("/readyz")
    def healthy() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.errorhandler(MalformedReview)
    def malformed(error: MalformedReview) -> Response:
        return Response(f"{error}\n", 400, mimetype="text/plain")

    return app
