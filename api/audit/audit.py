"""The audit as its users see it: ``record`` never fails and never waits for the database."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from storeplatform.common.configuration import ConfigurationError

from .fairness import Fairness
from .record import Record
from .spool import Spool, SpoolFull
from .store import Filters, RecordStore

PAUSE, LONGEST_PAUSE = 1.0, 30.0
CLOSING_SECONDS = 10
CLEANING_SECONDS = 3600
PAGE = 500

log = structlog.get_logger("audit")


class Audit:
    """Records go to a spool on disk and from there, by a thread of this process, to the database.

    Any number of processes may share the spool's folder and the database. The thread starts with the first record or
    call of ``start``, so that an application may be made before its server forks.
    """

    def __init__(
        self,
        url: str,
        spool: Path,
        spool_bytes: int,
        retention_days: int,
        retention_bytes: int,
        registry: CollectorRegistry,
    ) -> None:
        """:raise ConfigurationError: the URL or the spool's folder can't be used; the message says what must hold."""
        self._store = RecordStore(url)
        try:
            self._spool = Spool(spool, spool_bytes)
        except OSError as error:
            raise ConfigurationError(f"the audit's spool {spool} must be a folder to write to: {error}") from error
        self._fairness = Fairness()
        self._retention, self._retention_bytes = timedelta(days=retention_days), retention_bytes
        self._cleaned: float | None = None
        self._wake, self._closing, self._lock = Event(), Event(), Lock()
        self._thread: Thread | None = None
        # Alert on any increase of the first two. The third shows how long the database was unavailable.
        self._dropped = Counter("store_audit_dropped", "Records that only the log has", registry=registry)
        self._errors = Counter("store_audit_write_errors", "Writes the database refused", registry=registry)
        waiting = Gauge("store_audit_spool_bytes", "What waits on disk for the database", registry=registry)
        waiting.set_function(self._spool.bytes)

    def start(self) -> None:
        """Begin to move what waits."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def record(self, record: Record) -> None:
        """Keep it, unless too much is refused to its actor: see ``Fairness``.

        Where even the disk can't, the log has it and ``store_audit_dropped_total`` grows.
        """
        for each in self._fairness.kept(record.bounded()):
            self._keep(each)

    def _keep(self, record: Record) -> None:
        values = record.as_json()
        log.info("audit", **values)
        try:
            self._spool.append(json.dumps(values).encode() + b"\n")
        except (SpoolFull, OSError) as error:
            self._dropped.inc()
            log.error("the audit's spool takes no record", spool=str(self._spool.folder), error=repr(error))
            return
        self.start()
        self._wake.set()

    def query(self, filters: Filters | None = None, limit: int = 100, cursor: str | None = None) -> list[Record]:
        """The newest first, from after the record whose ``cursor`` it is.

        :raise ValueError: the cursor is invalid. :raise SQLAlchemyError: the database can't answer now.
        """
        return self._store.select(filters or Filters(), limit, cursor, datetime.now(UTC))

    def export(self, filters: Filters | None = None) -> Iterator[Record]:
        """All of them, the newest first. Raises as ``query`` does."""
        page = self.query(filters, PAGE)
        while page:
            yield from page
            page = self.query(filters, PAGE, page[-1].cursor)

    def close(self) -> None:
        """End the thread, after a last try to move what waits. What could not be moved stays on disk."""
        self._closing.set()
        self._wake.set()
        if self._thread:
            self._thread.join(CLOSING_SECONDS)
        self._store.engine.dispose()

    def _run(self) -> None:
        pause = PAUSE
        while True:
            closing = self._closing.is_set()
            try:
                self._move()
                pause = PAUSE
            except Exception as error:  # whatever it is: records wait on disk, and the next try may do
                self._errors.inc()
                log.error("the audit store can't be written to; records wait on disk", error=_words(error))
                self._closing.wait(pause := min(2 * pause, LONGEST_PAUSE))
            if closing:
                return
            self._wake.wait(PAUSE)
            self._wake.clear()

    def _move(self) -> None:
        """Everything that waits to the database, and what is due there. At least once: an id is there only once."""
        with self._spool.draining() as mine:
            if not mine:
                return
            while segments := self._spool.segments():
                for segment in segments:
                    self._store.insert(self._records(segment))
                    segment.unlink()
            now = datetime.now(UTC)
            self._store.match(now)
            if self._cleaned is None or monotonic() - self._cleaned > CLEANING_SECONDS:
                self._store.remove(now - self._retention, now)
                self._store.shrink(self._retention_bytes)
                self._cleaned = monotonic()

    def _records(self, segment: Path) -> Iterator[Record]:
        for line in segment.read_bytes().splitlines():
            try:
                yield Record.from_json(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                self._dropped.inc()
                log.error("a line of the audit's spool is no record", segment=os.fspath(segment), error=repr(error))


def _words(error: Exception) -> str:
    """The driver's own words: SQLAlchemy's hold the statement and its values."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
