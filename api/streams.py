"""Limit open streams, in total and per caller."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .problems import Problem


class Streams:
    """``settings``: the settings' ``streams``. An open stream occupies a thread of its process."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def open(self) -> int:
        """The number of open streams."""
        return self._open.total()

    @contextmanager
    def one_of(self, caller: str) -> Iterator[None]:
        """Hold a place for one more stream.

        :raise Problem: the limit is reached.
        """
        with self._lock:
            if self._open[caller] >= self.settings["caller"]:
                raise Problem(
                    "too-many-requests",
                    f"at most {self.settings['caller']} streams may be open for one caller: close another",
                    headers={"Retry-After": "10"},
                )
            if self._open.total() >= self.settings["process"]:
                raise Problem(
                    "unavailable",
                    "this server has no capacity for another stream: try again",
                    headers={"Retry-After": "10"},
                )
            self._open[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[caller] -= 1
                self._open += Counter()  # removes callers that have none
