"""SQLAlchemy's engine for PostgreSQL, of which every wait has an end."""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from sqlalchemy.engine import URL, Engine

# To see whether a connection that was kept is still good.
PING_SECONDS = 0.5
# libpq takes no less.
CONNECT_SECONDS = 2
WAIT_INTERVAL = 0.1


class TimedConnection(psycopg.Connection[Any]):
    """One whose waits end after ``seconds``, and the connection with them: what is under way there is not known."""

    seconds = PING_SECONDS

    def wait(self, gen: PQGen[RV], interval: float = WAIT_INTERVAL, timeout: float | None = None) -> RV:
        """As in the base class. :raise psycopg.OperationalError: the database does not answer."""
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.close()
            raise psycopg.OperationalError("the database does not answer in time") from error


def make_engine(url: URL) -> Engine:
    """The engine of a database, whose waits all have an end."""
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS})

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return TimedConnection.connect(*arguments, **named)

    @sa.event.listens_for(engine, "checkin")
    def end(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.seconds = PING_SECONDS

    return engine
