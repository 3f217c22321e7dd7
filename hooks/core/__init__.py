"""The pure core: ``sync(request, settings) -> response``.

It uses no clock, randomness, network or files other than the templates: the same request gets the same response.
Suggested reading order: objects, request, life (the state machine of a store), expiry, hosts, integrations, store,
acceptance, render, pods, progress, jobs, retention, workloads, staging, deadlines, conditions, status, guards, sync,
unreconciled.
"""

from .guards import GuardError
from .render import RenderError, render
from .request import MalformedRequest, SyncRequest, parse
from .store import Store
from .sync import customize, sync
from .unreconciled import unreconciled

__all__ = [
    "GuardError",
    "MalformedRequest",
    "RenderError",
    "Store",
    "SyncRequest",
    "customize",
    "parse",
    "render",
    "sync",
    "unreconciled",
]
