"""The API's metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .cache import Cache
from .streams import Streams

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The metrics of one application, in ``registry``. Alert if ``store_api_cache_stale_seconds`` is over a minute."""

    def __init__(self, registry: CollectorRegistry, cache: Cache, streams: Streams) -> None:
        self.registry = registry
        self._requests = Counter(
            "store_api_requests", "Responses, by operation and HTTP status", ["operation", "status"], registry=registry
        )
        self._seconds = Histogram(
            "store_api_duration_seconds", "Time to a response", ["operation"], registry=registry, buckets=BUCKETS
        )
        self.in_progress = Gauge("store_api_requests_in_progress", "Requests without a response yet", registry=registry)
        gauges = (
            ("store_api_cache_stores", "Stores in the cache", lambda: len(cache)),
            ("store_api_cache_stale_seconds", "The age of the cache", cache.stale_seconds),
            ("store_api_streams", "Open streams of changes and logs", streams.open),
        )
        for name, what, value in gauges:
            Gauge(name, what, registry=registry).set_function(value)

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)
