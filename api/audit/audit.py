"""The interface of the audit: ``record`` never fails, and never waits for the database."""

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
    """Write records to a spool on disk; a thread of this process moves them to the database.

    Any number of processes may share the spool's folder and the database. The thread starts with the first record or
    with ``start``, so an application may be created before its server forks.
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
        """Check the settings. :raise ConfigurationError: the URL or the folder is unusable; it says what must hold."""
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
        # Alert on any increase of the first two. The third grows while the database is unavailable.
        self._dropped = Counter("store_audit_dropped", "Records that are only in the log", registry=registry)
        self._errors = Counter("store_audit_write_errors", "Writes that the database rejected", registry=registry)
        waiting = Gauge(
            "store_audit_spool_bytes", "Bytes of records that wait on disk for the database", registry=registry
        )
        waiting.set_function(self._spool.bytes)

    def start(self) -> None:
        """Start the thread that moves records from the spool to the database."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    def record(self, record: Record) -> None:
        """Store the record, unless too many records of its actor are kept already: see ``Fairness``.

        If even the disk fails, the record is written to the log and ``store_audit_dropped_total`` is incremented.
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
            log.error("the audit's spool can't store a record", spool=str(self._spool.folder), error=repr(error))
            return
        self.start()
        self._wake.set()

    def query(self, filters: Filters | None = None, limit: int = 100, cursor: str | None = None) -> list[Record]:
        """Return records, newest first, after the one whose ``cursor`` is given.

        :raise ValueError: the cursor is invalid.
        :raise SQLAlchemyError: the database is unavailable.
        """
        return self._store.select(filters or Filters(), limit, cursor, datetime.now(UTC))

    def export(self, filters: Filters | None = None) -> Iterator[Record]:
        """Yield all records, newest first. Raises like ``query``."""
        page = self.query(filters, PAGE)
        while page:
            yield from page
            page = self.query(filters, PAGE, page[-1].cursor)

    def close(self) -> None:
        """Stop the thread after one last attempt to move the spool's records. What remains stays on disk."""
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
            except Exception as error:  # any error: the records wait on disk, and the next attempt may succeed
                self._errors.inc()
                log.error("the audit store can't be written to; records wait on disk", error=_words(error))
                self._closing.wait(pause := min(2 * pause, LONGEST_PAUSE))
            if closing:
                return
            self._wake.wait(PAUSE)
            self._wake.clear()

    def _move(self) -> None:
        """Move all spooled records to the database, and remove old ones there.

        A record may be moved twice after a failure. Inserts are idempotent by id, so it is stored once.
        """
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
                log.error("a line of the audit's spool is not a record", segment=os.fspath(segment), error=repr(error))


def _words(error: Exception) -> str:
    """Return the driver's message: SQLAlchemy's also contains the statement and its values."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
