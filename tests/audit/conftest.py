"""An empty database of each kind, and a function that creates audits on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from prometheus_client import CollectorRegistry

from storeplatform.api.audit import Audit
from tests.backup.postgres import SECRET, Server, running

numbers = count(1)

MakeAudit = Callable[..., Audit]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/database/audit.db"
    server: Server = request.getfixturevalue("postgres")
    name = f"audit_{next(numbers)}"
    server.sql(f"CREATE DATABASE {name}")
    return postgres_url(server, name)


def postgres_url(server: Server, database: str) -> str:
    """The URL in the form of the setting audit.url."""
    return f"postgresql+psycopg://medusa:{quote(SECRET, safe='')}@127.0.0.1:{server.env['PGPORT']}/{database}"


def new_audit(
    url: str, spool: Path, spool_bytes: int = 1_000_000, retention_days: int = 365, retention_bytes: int = 2**40
) -> Audit:
    """Return an audit that exposes its ``registry``."""
    registry = CollectorRegistry()
    audit = Audit(url, spool, spool_bytes, retention_days, retention_bytes, registry)
    audit.registry = registry  # type: ignore[attr-defined]
    return audit


@pytest.fixture
def make(url: str, tmp_path: Path) -> Iterator[MakeAudit]:
    """Return a function that creates audits sharing a database and a spool."""
    made: list[Audit] = []

    def make(spool_bytes: int = 1_000_000, retention_days: int = 365, retention_bytes: int = 2**40) -> Audit:
        made.append(new_audit(url, tmp_path / "spool", spool_bytes, retention_days, retention_bytes))
        return made[-1]

    yield make
    for audit in made:
        audit.close()


@pytest.fixture
def audit(make: MakeAudit) -> Audit:
    """An audit on an empty database."""
    return make()
