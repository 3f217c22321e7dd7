"""The gate's metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters of one application, in ``registry``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.admissions = Counter(
            "store_gate_admissions",
            "Admission requests that were decided",
            ["operation", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "store_gate_duration_seconds", "Time to a judgement", ["operation"], registry=registry, buckets=BUCKETS
        )
        # For alerts: creations that are refused because the API server did not respond, or not in time.
        self.undecided = Counter("store_gate_undecided", "Creates whose quota could not be counted", registry=registry)
        # For alerts: side tasks that failed, for which nobody is refused anything.
        self.failures = Counter(
            "store_gate_failures", "Deletion records and reservations that failed", ["what"], registry=registry
        )
