"""What the operations work with, made once a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prometheus_client import CollectorRegistry

from storeplatform.hooks.engines import Engine

from .audit import Audit
from .cache import Cache
from .cluster import Cluster
from .streams import Streams
from .tokens import Tokens
from .trail import Trail


@dataclass(frozen=True)
class Services:
    """``settings``: the API's own; ``values``: the platform's settings file."""

    settings: Mapping[str, Any]
    values: Mapping[str, Any]
    engines: Mapping[str, Engine]
    cluster: Cluster
    cache: Cache
    tokens: Tokens
    audit: Audit
    streams: Streams
    registry: CollectorRegistry

    @cached_property
    def trail(self) -> Trail:
        """Through which the audit is written."""
        return Trail(self.audit, self.cache)

    def start(self) -> None:
        """Begin what runs beside the requests. Not before the process that answers them is forked."""
        self.cache.start()
        self.audit.start()

    def stop(self) -> None:
        """End every stream, so that none keeps the process from ending."""
        self.cache.stop()

    def close(self) -> None:
        """When the last request is answered."""
        self.audit.close()
