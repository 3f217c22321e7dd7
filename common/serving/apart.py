"""Where what blocks a whole thread goes: calls of C libraries that wait for a disk, and know nothing of greenlets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent import monkey

Result = TypeVar("Result")


def apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """What the function gives; in a thread of its own where threads are greenlets, so that all the others continue."""
    if not monkey.is_module_patched("threading"):
        return function(*arguments)
    pending: Any = gevent.get_hub().threadpool.spawn(function, *arguments)
    try:
        result: Result = pending.get()
        return result
    finally:
        # A greenlet that is killed meanwhile must not touch what the thread still works with: C libraries crash by it.
        pending.wait()
