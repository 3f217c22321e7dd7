"""What a service does around its imports, which are most of what a start costs.

It is called before anything else is imported, so this module imports next to nothing.
"""

from __future__ import annotations

import gc
from importlib import metadata


def begin() -> None:
    """Stop garbage collections until ``begun``: modules are no garbage, and would be looked at again and again."""
    gc.disable()


def begin_with_greenlets() -> None:
    """As ``begin``; and have gevent patch the standard library: see ``storeplatform.common.serving.worker``.

    For each of its 25 events gevent searches every installed distribution for plug-ins. Here they are read once.
    """
    begin()
    entry_points = metadata.entry_points
    metadata.entry_points = entry_points().select
    try:
        from gevent import monkey

        monkey.patch_all()
    finally:
        metadata.entry_points = entry_points


def begun() -> None:
    """Collect garbage again, but never look at what is there now: it stays, and is shared with forked processes."""
    gc.freeze()
    gc.enable()
