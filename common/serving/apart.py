"""Run blocking C library calls in real threads, because greenlets can't interrupt them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent import monkey

Result = TypeVar("Result")


def apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call the function and return its result. Under gevent it runs in a real thread, so other greenlets continue."""
    if not monkey.is_module_patched("threading"):
        return function(*arguments)
    pending: Any = gevent.get_hub().threadpool.spawn(function, *arguments)
    try:
        result: Result = pending.get()
        return result
    finally:
        # If the waiting greenlet is killed, it must not free what the thread still uses: a C library would crash.
        pending.wait()
