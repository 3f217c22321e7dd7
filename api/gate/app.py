"""The gate's HTTP layer: parse, limit, measure and respond. ``Gate`` decides."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, request
from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import NotFound

from storeplatform.api.audit import Audit
from storeplatform.api.settings import load_api_settings
from storeplatform.common.configuration import ConfigurationError, file_in, load_token
from storeplatform.common.serving.logs import configure_logs

from .cluster import GateCluster
from .gate import Callers, Gate
from .metrics import Metrics
from .outcomes import Outcomes
from .proof import Proof
from .reservations import Reservations
from .review import MalformedReview, Review, parse

# In bytes. The API server accepts requests of 3 MiB, and sends an old and a new object.
MAX_REQUEST_BYTES = 8 * 1024 * 1024

API_USER = "system:serviceaccount:store-platform:api"
CONTROLLER_USER = "system:serviceaccount:metacontroller:metacontroller"


@dataclass(frozen=True)
class GateService:
    """The application, and what its worker has to start and stop."""

    app: Flask
    audit: Audit
    outcomes: Outcomes
    registry: CollectorRegistry

    def start(self) -> None:
        """Start background threads. Call it in the process that serves, after the fork."""
        self.audit.start()
        self.outcomes.start()

    def close(self) -> None:
        """Stop them, after the last response."""
        self.outcomes.stop()
        self.audit.close()


def create_service() -> GateService:
    """Return the gate, configured by environment variables.

    STORE_PLATFORM_API_SETTINGS: the settings file.
    STORE_PLATFORM_GATE_TOKEN_FILE: the token in the webhooks' paths.
    STORE_PLATFORM_API_USER and STORE_PLATFORM_CONTROLLER_USER: the API server's user names of the intent API and of
    Metacontroller.

    :raise ConfigurationError: one is missing or invalid; the message says what to do.
    """
    configure_logs()
    settings, registry = load_api_settings(), CollectorRegistry()
    kept, quota = settings["audit"], settings["quota"]
    days, size = kept["retentionDays"], kept["retentionBytes"]
    audit = Audit(kept["url"], Path(kept["spool"]), kept["spoolBytes"], days, size, registry)
    try:
        cluster = GateCluster()
    except ConfigException as error:
        raise ConfigurationError(f"the gate must run in a cluster, or KUBECONFIG must name one: {error}") from error
    reservations, metrics = Reservations(cluster, quota["owner"], quota["everybody"]), Metrics(registry)
    token = load_token(file_in("STORE_PLATFORM_GATE_TOKEN_FILE"))
    configure_logs(hide=(token,))
    proof, outcomes = Proof(token), Outcomes(cluster, audit)
    callers = Callers(
        proof,
        os.environ.get("STORE_PLATFORM_API_USER") or API_USER,
        os.environ.get("STORE_PLATFORM_CONTROLLER_USER") or CONTROLLER_USER,
        settings["shards"],
    )
    gate = Gate(cluster, reservations, audit, outcomes, metrics, callers)
    return GateService(make_app(gate, metrics, proof), audit, outcomes, registry)


def make_app(gate: Gate, metrics: Metrics, proof: Proof) -> Flask:
    """Return the WSGI application for an API server."""
    app = Flask("storeplatform.gate", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES

    def answer(judge: Callable[[Review], bytes]) -> Response:
        started, review = time.perf_counter(), parse(request.get_data(cache=False))
        made = judge(review)
        metrics.seconds.labels(review.operation).observe(time.perf_counter() - started)
        return Response(made, mimetype="application/json")

    @app.post("/admission/creations")
    def create() -> Response:
        return answer(gate.create)

    @app.post("/admission/<token>/<what>")
    def ask(token: str, what: str) -> Response:
        """The token is checked before the body is read."""
        judges = {"attempts": gate.attempt, "changes": gate.change, "quotas": gate.judge_quota}
        if what not in judges or not proof.serves(token):
            raise NotFound
        return answer(judges[what])

    @app.get("/healthz")
    @app.get("/readyz")
    def healthy() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.errorhandler(MalformedReview)
    def malformed(error: MalformedReview) -> Response:
        return Response(f"{error}\n", 400, mimetype="text/plain")

    return app
