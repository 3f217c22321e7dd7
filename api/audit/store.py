"""The audit's table, in SQLite or PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from storeplatform.common.configuration import ConfigurationError
from storeplatform.common.timeouts import DATABASE

from .engine import give, make_engine
from .record import ATTEMPTED, Record, micros

# In seconds: timeouts of the audit's own thread, which no request waits for.
WRITE_SECONDS = 60.0

BACKENDS = ("sqlite", "postgresql")

# An attempt without an outcome after this time was refused before the final check.
UNDECIDED = timedelta(seconds=10)
# The outcome follows an attempt within the API server's timeout for a request.
FOLLOWS = timedelta(seconds=60)
# An attempt and its outcome may be recorded by two replicas, whose clocks may differ by this much.
SKEW = timedelta(seconds=2)
# Records from another replica's spool may arrive late. After this time they are no longer waited for.
SETTLED = timedelta(days=1)

REFUSED = "by the schema or a policy of the API server; the response to the caller names it"

TEXTS = ("actor", "interface", "action", "store", "owner", "outcome", "reason", "request_id", "key")
metadata = sa.MetaData()
table = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    *(sa.Column(name, sa.Text, nullable=False) for name in TEXTS),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    # For an attempt: its outcome was found. For an outcome: its attempt was found, or is no longer waited for.
    sa.Column("matched", sa.Boolean, nullable=False),
    sa.Index("audit_at", "at", "id"),
    sa.Index("audit_owner", "owner", "at"),
    sa.Index("audit_store", "store", "at"),
    sa.Index("audit_key", "key"),
    sa.Index("audit_matched", "matched", "outcome"),
)
c = table.c
# The bytes of a row beside its strings: its numbers and index entries.
ROW_BYTES = 400

# The outcome as reported to readers.
outcome = sa.case((c.outcome == ATTEMPTED, "refused"), else_=c.outcome)


@dataclass(frozen=True)
class Filters:
    """The criteria for records; None matches everything. ``since`` is inclusive, ``until`` exclusive."""

    owner: str | None = None
    store: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class RecordStore:
    """The table behind a URL. It connects on the first call."""

    def __init__(self, url: str) -> None:
        """Parse the URL.

        :raise ConfigurationError: it is not supported. The message never contains it: it may contain a password.
        """
        form = "must be sqlite:////path/audit.db or postgresql+psycopg://user@host/database"
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() not in BACKENDS:
                raise ConfigurationError(f"the audit store's URL {form}, not one of {parsed.get_backend_name()}")
            self.engine = make_engine(parsed)
            self._insert: Any = import_module(f"sqlalchemy.dialects.{self.engine.dialect.name}").insert
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(f"the audit store's URL {form}") from error
        except OSError as error:
            raise ConfigurationError(f"the audit store's folder can't be made: {error}") from error
        self._made = False

    def insert(self, records: Iterable[Record]) -> None:
        """Insert the records that do not exist yet, all or none.

        If a record exists and comes again as refused, its outcome and reason are updated.

        :raise sqlalchemy.exc.DBAPIError: the database is unavailable.
        """
        if rows := [_row(record) for record in records]:
            statement = self._insert(table)
            statement = statement.on_conflict_do_update(
                index_elements=["id"],
                set_={name: statement.excluded[name] for name in ("outcome", "reason")},
                where=statement.excluded.outcome == "refused",
            )
            with self._begin() as connection:
                connection.execute(statement, rows)

    def match(self, now: datetime) -> None:
        """Pair each outcome with its attempt, the latest one before it.

        If an object changed meanwhile, the API server repeats the admission. The first outcome then becomes an attempt,
        and the record shows the last one. A creation is not repeated: its outcome is final.
        """
        undecided = c.outcome == ATTEMPTED
        with self._begin() as connection:
            decisions = sa.select(table).where(~undecided, ~c.matched).order_by(c.at)
            for decision in connection.execute(decisions).all():
                within = c.at.between(decision.at - _micros(FOLLOWS), decision.at + _micros(SKEW))
                attempts = sa.select(c.id).where(undecided, ~c.matched, c.key == decision.key, within)
                latest_before = attempts.order_by(c.at > decision.at, c.at.desc()).limit(1)
                if attempt := connection.execute(latest_before).scalar():
                    pair = sa.update(table).where(c.id.in_([attempt, decision.id]))
                    connection.execute(pair.values(matched=True))
                changed = decision.outcome == "admitted" and decision.action != "create"
                if changed and (first := _asked_before(connection, decision)):
                    again = sa.update(table).where(c.id.in_(first))
                    connection.execute(again.values(outcome=ATTEMPTED, matched=True))
            alone = sa.update(table).where(~undecided, ~c.matched, c.at < micros(now - SETTLED))
            connection.execute(alone.values(matched=True))

    def remove(self, before: datetime, now: datetime) -> None:
        """Remove older records, and attempts whose outcome is in a later record."""
        followed = sa.and_(c.outcome == ATTEMPTED, c.matched, c.at < micros(now - SETTLED))
        with self._begin() as connection:
            connection.execute(sa.delete(table).where(sa.or_(c.at < micros(before), followed)))

    def shrink(self, most: int) -> None:
        """Remove the oldest records beyond ``most`` bytes, measured by their strings and not by the file's size."""
        texts = [c[name] for name in (*TEXTS, "before", "after")]
        size = sum((sa.func.coalesce(sa.func.length(text), 0) for text in texts), sa.literal(ROW_BYTES))
        newest_first = (c.at.desc(), c.id.desc())
        running = sa.select(c.at, sa.func.sum(size).over(order_by=newest_first).label("bytes")).subquery()
        beyond = sa.select(sa.func.max(running.c.at)).where(running.c.bytes > most)
        with self._begin() as connection:
            if (last := connection.execute(beyond).scalar()) is not None:
                connection.execute(sa.delete(table).where(c.at <= last))

    def select(self, filters: Filters, limit: int, cursor: str | None, now: datetime) -> list[Record]:
        """Return records, newest first.

        :raise ValueError: the cursor is invalid.
        :raise sqlalchemy.exc.DBAPIError: the database is unavailable.
        """
        shown = sa.or_(c.outcome != ATTEMPTED, sa.and_(~c.matched, c.at < micros(now - UNDECIDED)))
        wanted = [shown, *_conditions(filters)]
        if cursor:
            at, _, identity = cursor.partition(".")
            wanted.append(sa.tuple_(c.at, c.id) < sa.tuple_(sa.literal(int(at)), sa.literal(identity)))
        statement = sa.select(table).where(*wanted).order_by(c.at.desc(), c.id.desc()).limit(limit)
        with self._begin(DATABASE) as connection:
            return [_record(row) for row in connection.execute(statement).mappings()]

    @contextmanager
    def _begin(self, seconds: float = WRITE_SECONDS) -> Iterator[sa.Connection]:
        """Begin a transaction of at most that many seconds; create the table first if necessary."""
        if not self._made:
            try:
                self._make(seconds)
            except DBAPIError as error:
                if isinstance(error, OperationalError) and self.engine.dialect.name == "postgresql":
                    raise
                self._make(seconds)  # another process has created it meanwhile
            self._made = True
        with self.engine.begin() as connection:
            give(connection, seconds)
            yield connection

    def _make(self, seconds: float) -> None:
        with self.engine.begin() as connection:
            give(connection, seconds)
            metadata.create_all(connection)


def _asked_before(connection: sa.Connection, decision: Any) -> list[str]:
    """Return the ids of the same admission shortly before, which was not stored: nothing has reverted it since."""
    shortly = c.at.between(decision.at - _micros(FOLLOWS), decision.at)
    recent = sa.select(table).where(c.outcome == "admitted", c.store == decision.store, c.id != decision.id, shortly)
    found: list[str] = []
    for row in connection.execute(recent.order_by(c.at.desc())):
        if _what(row) == _what(decision):
            found.append(row.id)
        elif _names(row) & _names(decision):
            break
    return found


def _what(row: Any) -> tuple[Any, ...]:
    return row.actor, row.interface, row.action, row.before, row.after


def _names(row: Any) -> set[str]:
    """Return the fields that the row names."""
    return {name for spec in (row.before, row.after) if spec for name in json.loads(spec)}


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)


def _conditions(filters: Filters) -> list[Any]:
    columns = {"owner": c.owner, "store": c.store, "actor": c.actor, "action": c.action, "outcome": outcome}
    wanted: list[Any] = [
        column == getattr(filters, name) for name, column in columns.items() if getattr(filters, name) is not None
    ]
    wanted += [c.at >= micros(filters.since)] if filters.since else []
    return wanted + ([c.at < micros(filters.until)] if filters.until else [])


def _row(record: Record) -> dict[str, Any]:
    specs = {name: json.dumps(getattr(record, name)) if getattr(record, name) is not None else None
             for name in ("before", "after")}  # fmt: skip
    texts = {column.name: _text(getattr(record, column.name)) for column in table.columns if column.name in TEXTS}
    return {**texts, **specs, "id": record.id, "at": micros(record.at), "matched": not record.key}


def _text(value: str) -> str:
    """Return the string without what some databases reject: NUL and lone surrogates."""
    return value.encode(errors="replace").decode().replace("\0", "")


def _record(row: RowMapping) -> Record:
    values: dict[str, Any] = {name: row[name] for name in row if name != "matched"}
    specs = {name: json.loads(row[name]) if row[name] else None for name in ("before", "after")}
    at = datetime.fromtimestamp(row["at"] // 1_000_000, UTC) + timedelta(microseconds=row["at"] % 1_000_000)
    refused = {"outcome": "refused", "reason": REFUSED} if row["outcome"] == ATTEMPTED else {}
    return Record(**{**values, **specs, "at": at, **refused})
