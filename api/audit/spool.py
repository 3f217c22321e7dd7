"""Where records wait on disk until the database took them: files of lines, in one folder that processes share."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns

CURRENT = "current.jsonl"

# A segment is one transaction.
SEGMENT_BYTES = 1024 * 1024


class SpoolFull(Exception):
    """The spool has reached its bound: the line was not taken."""


class Spool:
    """Appends lines, and gives them back as segments that are removed once they are safe elsewhere.

    :param limit: bytes that may wait.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """:raise OSError: the folder can't be made."""
        self.folder, self.limit = folder, limit
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, line: bytes) -> None:
        """Add one line. A process that is killed afterwards loses nothing of it.

        :raise SpoolFull: there is no room for it. :raise OSError: the disk refuses it.
        """
        with self._locked("append"):
            if self.bytes() + len(line) > self.limit:
                raise SpoolFull
            if _size(self.folder / CURRENT) > SEGMENT_BYTES:
                self._end_segment()
            file = os.open(self.folder / CURRENT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                start = os.fstat(file).st_size
                if os.write(file, line) < len(line):  # the disk is full: no half of a line stays
                    os.ftruncate(file, start)
                    raise SpoolFull
            finally:
                os.close(file)

    def bytes(self) -> int:
        """How much waits."""
        return sum(_size(file) for file in self.folder.glob("*.jsonl"))

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """Whether this process is the one that may take segments away, until the end of the context."""
        try:
            with self._locked("drain", fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def segments(self) -> list[Path]:
        """Files that nothing is added to any more, the oldest first."""
        if not (found := self._closed()):
            with self._locked("append"):
                self._end_segment()
            found = self._closed()
        return found

    def _end_segment(self) -> None:
        if (current := self.folder / CURRENT).exists():
            current.rename(self.folder / f"{time_ns():020}-{uuid.uuid4().hex}.jsonl")

    def _closed(self) -> list[Path]:
        return sorted(file for file in self.folder.glob("*.jsonl") if file.name != CURRENT)

    @contextmanager
    def _locked(self, name: str, how: int = 0) -> Iterator[None]:
        """The kernel frees the lock of a process that dies."""
        file = os.open(self.folder / f"{name}.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | how)
            yield
        finally:
            os.close(file)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # another process took it away
        return 0
