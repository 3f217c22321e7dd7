"""Processes of one HTTP service, for as long as a test needs them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from .processes import Process
from .waiting import wait_until


class Served:
    """Started on entering, stopped on leaving; after a failure the folder with the logs is kept.

    Subclasses set ``home``, ``urls`` and ``processes``, and define its name and the path that responds once it is
    ready.
    """

    what: str
    ready_path: str
    home: Path
    urls: list[str]
    processes: list[Process]

    def __enter__(self) -> Self:
        for number in range(len(self.processes)):
            self.start(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.stop()
        if not isinstance(error, Exception):  # a Ctrl-C is not a failure
            shutil.rmtree(self.home)
        else:
            print(f"logs of {self.what} are kept in {self.home}", file=sys.stderr, flush=True)

    @property
    def url(self) -> str:
        """The first process' URL."""
        return self.urls[0]

    def start(self, number: int = 0) -> None:
        """Start one process, and wait until it is ready."""
        process = self.processes[number]
        process.start()
        wait_until(
            lambda: requests.get(f"{self.urls[number]}{self.ready_path}", timeout=2).ok,
            f"{self.what} is ready",
            stop_if=process.failure,
        )
