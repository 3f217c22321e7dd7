"""The service's metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """The counters of one application, in ``registry``. No counter is global, so two applications do not share them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter(
            "store_hook_requests", "Responses, by hook and HTTP status", ["hook", "status"], registry=registry
        )
        self._stages = Counter(
            "store_hook_stages", "Responses, by the first condition that is not True", ["stage"], registry=registry
        )
        self._errors = Counter(
            "store_hook_errors", "Responses that made Metacontroller try again", ["hook"], registry=registry
        )
        self.unreconciled = Counter(
            "store_hook_unreconciled",
            "Responses that keep a store as it is because it can't be reconciled, by reason",
            ["reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "store_hook_duration_seconds", "Time to a response", ["hook"], registry=registry, buckets=BUCKETS
        )

    def observe(self, hook: str, status: int, stage: str, seconds: float) -> None:
        """Count one answered request; ``stage`` is "" if no response was computed."""
        self._requests.labels(hook, str(status)).inc()
        self._seconds.labels(hook).observe(seconds)
        if status != 200:
            self._errors.labels(hook).inc()
        if stage:
            self._stages.labels(stage).inc()
