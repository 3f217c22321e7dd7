"""One database server and one S3 server for all tests; each test has its own store."""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ..debian import need
from . import users
from .postgres import Server
from .shop import SHOP, fill
from .store import BackupStore, install
from .targets import Bucket, S3Server, Volume, new_folder

numbers = count(1)


@pytest.fixture(scope="session")
def area() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own is closed to the scripts' user."""
    folder = Path(tempfile.mkdtemp(prefix="store-backup-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(area: Path) -> Iterator[Server]:
    """A PostgreSQL server with a database "shop", from which others are copied."""
    need("postgresql", "rclone")
    folder = area / "postgres"
    folder.mkdir()
    server = Server(folder)
    try:
        server.start()
        server.sql("CREATE DATABASE shop")
        server.sql(SHOP, "shop")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3(area: Path) -> Iterator[S3Server]:
    """An S3 server that does not check keys."""
    server = S3Server(area)
    try:
        server.start()
        yield server
    finally:
        server.process.kill()


@pytest.fixture(scope="session")
def scripts(area: Path) -> Path:
    """The folder of the entry script, installed as in the image."""
    return install(area)


@pytest.fixture
def folder(area: Path) -> Path:
    """A folder for one test."""
    folder = area / f"test-{next(numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture(params=["volume", "s3"])
def target(request: pytest.FixtureRequest, folder: Path) -> Volume | Bucket:
    """An empty archive target, of either kind."""
    if request.param == "volume":
        return Volume(new_folder(folder, "backups"))
    return Bucket(request.getfixturevalue("s3"), f"stores/{folder.name}")


@pytest.fixture
def store(server: Server, target: Volume | Bucket, folder: Path, scripts: Path) -> Iterator[BackupStore]:
    """A store with a full database and uploads, and no archive yet."""
    database = folder.name
    server.sql(f'CREATE DATABASE "{database}" TEMPLATE shop')
    store = BackupStore(server, database, target, folder, scripts)
    fill(store.uploads)
    users.give(store.uploads, users.SCRIPTS)
    yield store
    server.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
