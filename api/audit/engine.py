"""Create SQLAlchemy engines for the audit's databases, so that neither can block the process.

PostgreSQL: every wait has a timeout. SQLite waits for the disk inside its library, so its calls run in a thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from sqlalchemy.engine import URL, Engine

from storeplatform.common.serving.apart import apart

# In seconds: the timeout of the check whether a pooled connection is still usable.
PING_SECONDS = 0.5
# In seconds: libpq's minimum.
CONNECT_SECONDS = 2
WAIT_INTERVAL = 0.1


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose waits time out after ``seconds``. It is closed then, because its state is unknown."""

    seconds = PING_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = WAIT_INTERVAL, timeout: float | None = None) -> RV:
        """Like the base class.

        :raise psycopg.OperationalError: the database does not respond in time.
        """
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.close()
            raise psycopg.OperationalError("the database does not answer in time") from error


class ApartCursor(sqlite3.Cursor):
    """A cursor that runs each call in a thread."""

    def execute(self, *arguments: Any) -> Any:
        """Like the base class."""
        return apart(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        """Like the base class."""
        return apart(super().executemany, *arguments)

    def fetchone(self) -> Any:
        """Like the base class."""
        return apart(super().fetchone)

    def fetchmany(self, *arguments: Any) -> Any:
        """Like the base class."""
        return apart(super().fetchmany, *arguments)

    def fetchall(self) -> Any:
        """Like the base class."""
        return apart(super().fetchall)


class ApartConnection(sqlite3.Connection):
    """A connection that runs each call in a thread."""

    def cursor(self, factory: Any = ApartCursor) -> Any:
        """Like the base class."""
        return super().cursor(factory)

    def commit(self) -> None:
        """Like the base class."""
        apart(super().commit)

    def rollback(self) -> None:
        """Like the base class."""
        apart(super().rollback)


def make_engine(url: URL) -> Engine:
    """Return the engine for a database.

    :raise OSError: SQLite's folder can't be created.
    """
    return _postgresql(url) if url.get_backend_name() == "postgresql" else _sqlite(url)


def give(connection: sa.Connection, seconds: float) -> None:
    """Set the timeout for the connection's calls until it is returned to the pool, if its database supports that."""
    driver = connection.connection.driver_connection
    if isinstance(driver, TimedConnection):
        driver.seconds = seconds


def _postgresql(url: URL) -> Engine:
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS})

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return TimedConnection.connect(*arguments, **named)

    @sa.event.listens_for(engine, "checkin")
    def end(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.seconds = PING_SECONDS

    return engine


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"factory": ApartConnection, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def several_processes(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine
