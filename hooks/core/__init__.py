"""The pure core: ``sync(request, settings) -> response``.

No clock, no random, no network, no file but the templates: the same request gives the same answer.
Read it in this order: request, release, expiry, store, render, pods, progress, keeping, serving, staging, asleep,
patience, conditions, status, guards, sync.
"""

from .guards import GuardError
from .render import RenderError, render
from .request import MalformedRequest, SyncRequest, parse
from .store import Store
from .sync import customize, sync

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
]
