"""The database: one table, in SQLite or PostgreSQL."""

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

# The limits for the audit's own thread, which no request waits for.
WRITE_SECONDS = 60.0

BACKENDS = ("sqlite", "postgresql")

# An attempt that nothing followed for so long was refused by what comes before the last check.
UNDECIDED = timedelta(seconds=10)
# What follows an attempt comes within the API server's time for a request.
FOLLOWS = timedelta(seconds=60)
# An attempt and what follows it may be recorded by two replicas, whose clocks are not quite the same.
SKEW = timedelta(seconds=2)
# What was recorded in another replica's spool may arrive later. After this it is not waited for.
SETTLED = timedelta(days=1)

REFUSED = "by the schema or a policy of the API server; the caller's answer names it"

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
    # Of an attempt: something followed it. Of what follows one: its attempt was found, or is not waited for.
    sa.Column("matched", sa.Boolean, nullable=False),
    sa.Index("audit_at", "at", "id"),
    sa.Index("audit_owner", "owner", "at"),
    sa.Index("audit_store", "store", "at"),
    sa.Index("audit_key", "key"),
    sa.Index("audit_matched", "matched", "outcome"),
)
c = table.c
# What a row takes beside its texts: its numbers, and its entries in the indexes.
ROW_BYTES = 400

# The outcome as it is read.
outcome = sa.case((c.outcome == ATTEMPTED, "refused"), else_=c.outcome)


@dataclass(frozen=True)
class Filters:
    """What a record must be; None is anything. ``since`` is within, ``until`` is not."""

    owner: str | None = None
    store: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class RecordStore:
    """The table behind a URL. Nothing is connected before the first call."""

    def __init__(self, url: str) -> None:
        """:raise ConfigurationError: the URL is none we can use; the message never holds it, it may have a password."""
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
        """Add the records that do not exist yet, all or none. A record that comes again as refused corrects the one
        that exists.

        :raise sqlalchemy.exc.DBAPIError: the database can't now.
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
        """Pair what was decided with its attempt: one each, the latest before it.

        The API server asks again where the object it asked about had changed meanwhile. What was decided first was
        an attempt then, and the record shows what followed. A creation is not asked about again: its outcome is known.
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
        """Remove what is older, and attempts whose outcome a later record has."""
        followed = sa.and_(c.outcome == ATTEMPTED, c.matched, c.at < micros(now - SETTLED))
        with self._begin() as connection:
            connection.execute(sa.delete(table).where(sa.or_(c.at < micros(before), followed)))

    def shrink(self, most: int) -> None:
        """Remove the oldest records beyond ``most`` bytes, by the size of their texts and not of the file."""
        texts = [c[name] for name in (*TEXTS, "before", "after")]
        size = sum((sa.func.coalesce(sa.func.length(text), 0) for text in texts), sa.literal(ROW_BYTES))
        newest_first = (c.at.desc(), c.id.desc())
        running = sa.select(c.at, sa.func.sum(size).over(order_by=newest_first).label("bytes")).subquery()
        beyond = sa.select(sa.func.max(running.c.at)).where(running.c.bytes > most)
        with self._begin() as connection:
            if (last := connection.execute(beyond).scalar()) is not None:
                connection.execute(sa.delete(table).where(c.at <= last))

    def select(self, filters: Filters, limit: int, cursor: str | None, now: datetime) -> list[Record]:
        """The newest first. :raise ValueError: no cursor of ours. :raise sqlalchemy.exc.DBAPIError: as above."""
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
        """A transaction of at most so many seconds; creates the table first if necessary."""
        if not self._made:
            try:
                self._make(seconds)
            except DBAPIError as error:
                if isinstance(error, OperationalError) and self.engine.dialect.name == "postgresql":
                    raise
                self._make(seconds)  # another process made it meanwhile
            self._made = True
        with self.engine.begin() as connection:
            give(connection, seconds)
            yield connection

    def _make(self, seconds: float) -> None:
        with self.engine.begin() as connection:
            give(connection, seconds)
            metadata.create_all(connection)


def _asked_before(connection: sa.Connection, decision: Any) -> list[str]:
    """The ids of the same admission shortly before, which can't have come to anything: nobody has undone it since."""
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
    """The fields that the row names."""
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
    """The text without what some database refuses: NUL and lone surrogates."""
    return value.encode(errors="replace").decode().replace("\0", "")


def _record(row: RowMapping) -> Record:
    values: dict[str, Any] = {name: row[name] for name in row if name != "matched"}
    specs = {name: json.loads(row[name]) if row[name] else None for name in ("before", "after")}
    at = datetime.fromtimestamp(row["at"] // 1_000_000, UTC) + timedelta(microseconds=row["at"] % 1_000_000)
    refused = {"outcome": "refused", "reason": REFUSED} if row["outcome"] == ATTEMPTED else {}
    return Record(**{**values, **specs, "at": at, **refused})
