"""The operations, grouped by topic. Each class receives the services that its operations need."""

from __future__ import annotations

from collections.abc import Sequence

from ..services import Services
from .catalog import Catalog
from .changes import Changes
from .inside import Inside
from .integrations import Integrations
from .lifecycle import Lifecycle
from .quotas import Quotas
from .records import Records
from .stores import Stores


def resources(services: Services) -> Sequence[object]:
    """Return all resources."""
    kinds = (Stores, Lifecycle, Inside, Integrations, Changes, Catalog, Quotas, Records)
    return [kind(services) for kind in kinds]
