"""Wait for a condition instead of sleeping for a fixed time."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class WaitTimeout(AssertionError):
    """The condition did not become true in time; the message contains the last value."""


def wait_until(
    predicate: Callable[[], T],
    what: str,
    timeout: float = 60.0,
    *,
    interval: float = 0.05,
    ignore: tuple[type[BaseException], ...] = (Exception,),
    stop_if: Callable[[], str | None] = lambda: None,
) -> T:
    """Call `predicate` until its value is truthy, and return that value.

    :param what: the awaited fact in words, for the error.
    :param timeout: seconds until giving up.
    :param interval: seconds between two calls.
    :param ignore: exceptions of `predicate` that count as "not yet".
    :param stop_if: returns the reason why further waiting is useless, or None.
    :raise WaitTimeout: with `what`, and the last value or exception.
    """
    deadline = time.monotonic() + timeout
    last: Any = "nothing"
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = f"last value {value!r}"
        except ignore as error:
            last = f"last error {type(error).__name__}: {error}"
        if reason := stop_if():
            raise WaitTimeout(f"{what} can no longer become true: {reason} ({last})")
        if time.monotonic() > deadline:
            raise WaitTimeout(f"{what} did not become true within {timeout:g} s ({last})")
        time.sleep(interval)
