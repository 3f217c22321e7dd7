"""The services that the operations use, created once per process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kubernetes.config import ConfigException
from prometheus_client import CollectorRegistry

from storeplatform.common.configuration import ConfigurationError, file_in, optional_text
from storeplatform.common.engines import Engine, read_engines
from storeplatform.common.integrations import Integration, read_integrations
from storeplatform.common.settings import load_values
from storeplatform.templates import ENGINES

from .audit import Audit
from .cache import Cache
from .cluster import Cluster, connect
from .settings import load_api_settings
from .streams import Streams
from .tokens import Tokens
from .trail import Trail


@dataclass(frozen=True)
class Services:
    """``settings``: the API's own; ``values``: the platform's settings file.

    ``dashboard_key``: the key with which the dashboard proves its identity; "" if there is no dashboard.
    """

    settings: Mapping[str, Any]
    values: Mapping[str, Any]
    engines: Mapping[str, Engine]
    integrations: Mapping[str, Integration]
    cluster: Cluster
    cache: Cache
    tokens: Tokens
    audit: Audit
    streams: Streams
    registry: CollectorRegistry
    dashboard_key: str = ""

    @cached_property
    def trail(self) -> Trail:
        """The writer of audit records."""
        return Trail(self.audit, self.cache)

    def start(self) -> None:
        """Start background threads. Call it in the process that serves, after the fork."""
        self.cache.start()
        self.audit.start()

    def stop(self) -> None:
        """End every stream, so that the process can end."""
        self.cache.stop()

    def close(self) -> None:
        """Stop everything, after the last response."""
        self.audit.close()


def make_services() -> Services:
    """Return the services, configured by environment variables.

    STORE_PLATFORM_SETTINGS and STORE_PLATFORM_API_SETTINGS: the settings files. STORE_PLATFORM_DASHBOARD_KEY_FILE: the
    dashboard's key, if there is a dashboard. The cluster is the one that this runs in, or the current kubeconfig's.

    :raise ConfigurationError: one is missing or invalid; the message says what to do.
    """
    settings = load_api_settings()
    values = load_values(file_in("STORE_PLATFORM_SETTINGS"))
    templates = Path(os.environ.get("STORE_PLATFORM_ENGINES") or ENGINES)
    engines, integrations = read_engines(templates, values["retiredVersions"]), read_integrations(templates)
    try:
        cluster = Cluster(connect())
    except ConfigException as error:
        raise ConfigurationError(f"no cluster is configured: {error}") from error
    registry = CollectorRegistry()
    return Services(
        settings,
        values,
        engines,
        integrations,
        cluster,
        Cache(cluster),
        Tokens(cluster, settings),
        make_audit(settings["audit"], registry),
        Streams(settings["streams"]),
        registry,
        optional_text("STORE_PLATFORM_DASHBOARD_KEY_FILE"),
    )


def make_audit(settings: Mapping[str, Any], registry: CollectorRegistry) -> Audit:
    """Return the audit store configured by the settings' ``audit``.

    :raise ConfigurationError: it is unusable.
    """
    spool, days, size = Path(settings["spool"]), settings["retentionDays"], settings["retentionBytes"]
    return Audit(settings["url"], spool, settings["spoolBytes"], days, size, registry)
