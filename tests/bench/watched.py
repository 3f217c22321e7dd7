"""Measure processes' memory and processor time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import psutil

SECONDS_BETWEEN = 2


class Watched:
    """Watch processes by component, and the peak memory of each. Ends with the context."""

    def __init__(self, components: Mapping[str, Iterable[int | None]]) -> None:
        self.roots = {name: [pid for pid in pids if pid] for name, pids in components.items()}
        self.peaks = dict.fromkeys(self.roots, 0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def memory(self) -> dict[str, int]:
        """Return bytes by component now: private memory, and a proportional share of shared memory (PSS)."""
        return {name: sum(_pss(each) for each in _family(pids)) for name, pids in self.roots.items()}

    def processor(self) -> dict[str, float]:
        """Return seconds by component so far, of processes that still run."""
        return {name: sum(sum(each.cpu_times()[:2]) for each in _family(pids)) for name, pids in self.roots.items()}

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN):
            for name, size in self.memory().items():
                self.peaks[name] = max(self.peaks[name], size)


def _family(pids: Iterable[int]) -> list[psutil.Process]:
    return [each for pid in pids for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:  # a node starts many short-lived processes
        return 0
