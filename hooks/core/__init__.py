"""The pure core: ``sync(request, settings) -> response``.

No clock, no random, no network, no file but the templates: the same request gives the same answer.
Read it in this order: request, store, render, progress, staging, status, guards, sync.
"""

from .guards import GuardError
from .render import RenderError, render
from .request import MalformedRequest, SyncRequest, parse
from .store import Store
from .sync import sync

__all__ = ["GuardError", "MalformedRequest", "RenderError", "Store", "SyncRequest", "parse", "render", "sync"]
