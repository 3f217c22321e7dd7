"""The relay's metrics for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The metrics of one relay. :param registry: where they are registered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.mails = Counter(
            "store_relay_mails",
            "Mails by result: taken, refused, deferred",
            ["result"],
            registry=registry,
        )
        self.connections = Gauge("store_relay_connections", "Connections of stores", registry=registry)
        # For alerts: 0.
        self.ready = Gauge("store_relay_server_ready", "Whether the mail server is available", registry=registry)
