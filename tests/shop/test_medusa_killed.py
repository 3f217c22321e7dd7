"""Medusa's provisioning is killed at many of its writes and run again: the result is the same as without a kill."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import LiteralString, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from ..containers.sandbox import Container
from .killing import run_until_write
from .medusa import MedusaStore, postgres_programs
from .records import content

# The number of writes at which each container is killed: about 20 s each.
POINTS = int(os.environ.get("STORE_PLATFORM_KILLS", "2"))
# By the container of each: an empty database gets its tables at once, and one with tables by Medusa's migrations.
STEPS = {"create": "migrate", "migrate": "migrate", "seed": "seed"}
# A password's hash has a random salt, and Medusa generates a key itself.
SECRET = {"provider_metadata", "redacted", "salt", "token"}
# A default value that one of Medusa's migrations draws.
RANDOM = re.compile("(?<=')[0-9A-Z]{26}(?=')")


class Step(NamedTuple):
    """A container of the Job: the number of its writes when undisturbed, and the content before and after it."""

    writes: int
    begun: str
    content: Counter[str]


class Databases:
    """Databases of one store's server, and the Job's containers on any of them."""

    def __init__(self, store: MedusaStore) -> None:
        self.store = store
        self.address = urlsplit(self.containers()["migrate"].env["DATABASE_URL"])

    def containers(self) -> dict[str, Container]:
        """Return the Job's containers, by name."""
        return {each.spec["name"]: each for each in self.store.cluster.containers("Job", "migrate")}

    def make(self, name: str, template: str = "template0") -> None:
        """Create a database as a copy of another."""
        with psycopg.connect(self.of("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def of(self, name: str, port: int | None = None) -> str:
        """Return the address of a database."""
        at = f"{self.address.username}:{self.address.password}@127.0.0.1:{port or self.address.port}"
        return f"postgres://{at}/{name}?sslmode=disable"

    def run(self, step: str, name: str, kill_at: int = 0) -> int:
        """Run a container on a database; return its number of writes. It is killed before the write of that number."""

        def started(port: int) -> Container:
            container = self.containers()[STEPS[step]]
            container.env["DATABASE_URL"] = self.of(name, port)
            return container

        return run_until_write(started, int(self.address.port or 0), kill_at)

    def execute(self, name: str, statement: LiteralString) -> None:
        """Execute a statement in a database."""
        with psycopg.connect(self.of(name)) as connection:
            connection.execute(statement)

    def content(self, name: str) -> Counter[str]:
        """Return the content of a database."""
        return content(self.of(name), SECRET)

    def tables(self, name: str) -> str:
        """Return the statements that create the tables of a database."""
        command = [postgres_programs() / "pg_dump", "--schema-only", self.of(name)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        # Without psql's commands, one of which has a random key.
        return RANDOM.sub("random", re.sub(r"^\\.*\n", "", said, flags=re.MULTILINE))

    def fill(self, name: str, statements: str) -> None:
        """Execute the statements of a dump in a database."""
        command = [postgres_programs() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", self.of(name)]
        subprocess.run(command, input=statements, stdout=subprocess.DEVNULL, text=True, check=True)


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    """A store of which only the database's server runs."""
    with MedusaStore.temporary(shop={"title": "Corner Shop", "country": "DE", "currency": "EUR"}) as store:
        store.cluster.start("StatefulSet", "database")
        yield Databases(store)


@pytest.fixture(scope="module")
def undisturbed(databases: Databases) -> dict[str, Step]:
    """Run each step once."""
    found = {}
    databases.make("created")
    databases.make("migrated")
    databases.execute("migrated", "CREATE TABLE of_somebody ()")
    for step, name in (("create", "created"), ("migrate", "migrated"), ("seed", "created")):
        databases.make(f"before-{step}", name)
        writes = databases.run(step, name)
        found[step] = Step(writes, f"before-{step}", databases.content(name))
    return found


def test_an_empty_database_gets_the_tables_that_migrations_make(
    databases: Databases, undisturbed: dict[str, Step]
) -> None:
    databases.execute("migrated", "DROP TABLE of_somebody")
    # PostgreSQL writes some expressions in another way once they were in a dump.
    databases.make("dumped")
    databases.fill("dumped", databases.tables("migrated"))
    assert databases.tables("before-seed").splitlines() == databases.tables("dumped").splitlines()
    assert undisturbed["create"].content == undisturbed["migrate"].content


@pytest.mark.parametrize("point", range(1, POINTS + 1))
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_and_repeated_step_ends_like_an_undisturbed_one(
    databases: Databases, undisturbed: dict[str, Step], step: str, point: int
) -> None:
    writes, begun, expected = undisturbed[step]
    name = f"{step}-{point}"
    databases.make(name, begun)
    databases.run(step, name, kill_at=max(1, writes * point // (POINTS + 1)))
    databases.run(step, name)
    found = databases.content(name)
    assert ([*(found - expected)], [*(expected - found)]) == ([], [])


def test_a_migration_whose_scripts_fail_has_failed(databases: Databases) -> None:
    databases.make("broken")
    databases.execute("broken", "CREATE TABLE script_migrations (id int)")
    migrate = databases.containers()["migrate"]
    migrate.env["DATABASE_URL"] = databases.of("broken")
    code, said = migrate.run_for_code()
    assert (code, 'column "finished_at" does not exist' in said.replace("\\", "")) == (1, True), said[-2000:]
