"""SQLAlchemy's engine for PostgreSQL, with a timeout for every wait."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from sqlalchemy.engine import URL, Engine

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


def make_engine(url: URL) -> Engine:
    """Return the engine for a database. All of its waits time out."""
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS})

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return TimedConnection.connect(*arguments, **named)

    @sa.event.listens_for(engine, "checkin")
    def end(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.seconds = PING_SECONDS

    return engine
