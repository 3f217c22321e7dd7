"""A spool on disk for records that are not in the database yet: files of lines in one folder that processes share."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns

CURRENT = "current.jsonl"

# The number of lines per segment; one segment is one transaction.
SEGMENT_BYTES = 1024 * 1024


class SpoolFull(Exception):
    """The spool has reached its limit: the line was not stored."""


class Spool:
    """Append lines, and return them as segments, which are removed once they are in the database.

    :param limit: the spool's maximum size in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Create the folder if necessary. :raise OSError: it can't be created."""
        self.folder, self.limit = folder, limit
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, line: bytes) -> None:
        """Append one line. It survives if the process is killed afterwards.

        :raise SpoolFull: the limit is reached.
        :raise OSError: the disk rejects it.
        """
        with self._locked("append"):
            if self.bytes() + len(line) > self.limit:
                raise SpoolFull
            if _size(self.folder / CURRENT) > SEGMENT_BYTES:
                self._end_segment()
            file = os.open(self.folder / CURRENT, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                start = os.fstat(file).st_size
                if os.write(file, line) < len(line):  # the disk is full: remove the partial line
                    os.ftruncate(file, start)
                    raise SpoolFull
            finally:
                os.close(file)

    def bytes(self) -> int:
        """Return the spool's size in bytes."""
        return sum(_size(file) for file in self.folder.glob("*.jsonl"))

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """Yield whether this process may take segments until the context ends: only one process at a time may."""
        try:
            with self._locked("drain", fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def segments(self) -> list[Path]:
        """Return the files that are complete, oldest first."""
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
        """Hold a lock that the kernel releases if the process dies."""
        file = os.open(self.folder / f"{name}.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | how)
            yield
        finally:
            os.close(file)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # another process removed it meanwhile
        return 0
