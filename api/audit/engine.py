"""Create SQLAlchemy engines for the audit's databases, so that neither can block the process.

PostgreSQL: every wait has a timeout. SQLite waits for the disk inside its library, so its calls run in a thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from storeplatform.common.serving.apart import apart


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
    if url.get_backend_name() != "postgresql":
        return _sqlite(url)
    from . import postgresql  # its libraries are imported where they are used

    return postgresql.make_engine(url)


def give(connection: sa.Connection, seconds: float) -> None:
    """Set the timeout for the connection's calls until it is returned to the pool, if its database supports that."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.seconds = seconds


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
