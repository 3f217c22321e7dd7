"""The pure core: ``sync(request, settings) -> response``.

No clock, no random, no network, no file but the templates: the same request gives the same answer. Read it in this
order: objects, request, life (the state machine of a store), expiry, hosts, integrations, store, acceptance, render,
pods, progress, jobs, retention, workloads, staging, deadlines, conditions, status, guards, sync, unreconciled.
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
