"""Clone a store by running both stores' rendered manifests: the containers get exactly what the manifests say.

The hooks' manifests of a database, a backup and a restore run here as processes, with two PostgreSQL servers and one S3
server that checks keys: a wrong variable in a template causes an error, or wrong data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES

from ..cluster.processes import free_address
from ..containers.image import Image, built
from ..containers.sandbox import Cluster
from ..debian import need
from ..hooks.world import World
from ..hooks.world import store as store_of
from ..values import settings_of
from .postgres import Server, programs
from .shop import SHOP, content, files, fill
from .targets import BUCKET, S3Server, new_folder

NIGHTLY = {"schedule": "0 3 * * *"}


def succeeded(code: int, said: str) -> None:
    assert (code, "store-backup: " in said) == (0, False), said


@dataclass
class Shop:
    """One store: its desired objects, its database's server, and a folder for its volumes."""

    world: World
    server: Server
    images: dict[str, Image]
    area: Path

    @property
    def uploads(self) -> Path:
        return self.area / "volumes" / "claim-uploads"

    def run(self, kind: str, name: str) -> tuple[int, str]:
        """Run a workload's single container to its end; return its exit code and output."""
        objects, database = list(self.world.observed.values()), {"database": self.server.env["PGHOST"]}
        (container,) = Cluster(objects, self.images, self.area, database).containers(kind, name)
        return container.run_for_code()

    def backup(self) -> None:
        """Run the CronJob's container.

        :raise AssertionError: it failed, or printed to stderr.
        """
        succeeded(*self.run("CronJob", "backup"))

    def restore(self) -> None:
        """Run the container of the Job for restoreFrom.

        :raise AssertionError: it failed, or printed to stderr.
        """
        succeeded(*self.try_to_restore())

    def try_to_restore(self) -> tuple[int, str]:
        """The same without checks: return the exit code and output."""
        for _ in range(20):
            if any(key.name.startswith("restore-") for key in self.world.observed):
                return self.run("Job", "restore")
            self.world.step()
        raise AssertionError("no restore was asked for")


@pytest.fixture
def settings(s3: S3Server, folder: Path) -> Iterator[Settings]:
    """The shipped settings with the S3 server as the object store, which rejects all other keys."""
    values = settings_of("hooks")
    values["backup"]["s3"] = {"endpoint": s3.endpoint, "bucket": BUCKET, "region": "us-east-1"}
    keys = {"accessKeyId": s3.keys["AWS_ACCESS_KEY_ID"], "secretAccessKey": s3.keys["AWS_SECRET_ACCESS_KEY"]}
    # A separate root key, so that archives are separate from those of other tests.
    files_of = {"settings.yaml": yaml.safe_dump(values), "keys.yaml": yaml.safe_dump(keys), "root.key": folder.name * 8}
    for name, text in files_of.items():
        (folder / name).write_text(text)
    s3.require_keys(True)
    yield load_settings(folder / "settings.yaml", ENGINES, folder / "root.key", folder / "keys.yaml")
    s3.require_keys(False)


@pytest.fixture
def open_shop(settings: Settings, folder: Path, scripts: Path, server: Server) -> Iterator[Any]:
    """Return a function that creates a store with its own database server, as its StatefulSet describes it."""
    need("bubblewrap")
    names = settings.engines["medusa"].values["images"]
    dockerfile = ENGINES / "medusa" / "images" / "backup" / "Dockerfile"
    installed = {"/app/bin": scripts, "/app/lib": scripts.parent / "lib"}
    images = {
        names["backup"]: built(dockerfile, installed, [Path("/app/bin"), programs()]),
        names["database"]: Image({}, ["postgres"]),
    }
    with ExitStack() as stack:

        def make(name: str, **spec: Any) -> Shop:
            world = World(settings, store_of(name, **spec))
            while not any(key.kind == "StatefulSet" for key in world.observed):
                world.step()
            area = new_folder(folder, name)
            server = database_of(Cluster(list(world.observed.values()), images, area), new_folder(area, "database"))
            stack.callback(server.stop)
            server.start()
            server.sql("CREATE DATABASE medusa")
            return Shop(world, server, images, area)

        yield make


def database_of(cluster: Cluster, area: Path) -> Server:
    """A server as the store's StatefulSet describes it, on its own address."""
    (container,) = cluster.containers("StatefulSet", "database")
    env, port = container.env, container.spec["ports"][0]["containerPort"]
    assert env["POSTGRES_DB"] == "medusa"
    user, password = env["POSTGRES_USER"], env["POSTGRES_PASSWORD"]
    return Server(area, host=free_address(port), port=port, user=user, password=password)


def made_from(open_shop: Any, name: str, **spec: Any) -> Shop:
    """A store with a full database and uploads, and one archive of both."""
    shop: Shop = open_shop(name, backup=NIGHTLY, **spec)
    shop.world.settle()
    shop.server.sql(SHOP, "medusa")
    shop.uploads.mkdir(parents=True)
    fill(shop.uploads)
    shop.backup()
    return shop


def test_a_clone_has_the_database_and_the_uploads_of_its_source(open_shop: Any) -> None:
    original = made_from(open_shop, "original")
    clone = open_shop("clone", restoreFrom={"store": "original"}, backup=NIGHTLY)
    clone.restore()
    assert content(clone.server, "medusa") == content(original.server, "medusa")
    assert files(clone.uploads) == files(original.uploads)


def test_a_clones_backups_are_separate_from_its_sources(open_shop: Any) -> None:
    original = made_from(open_shop, "original")
    clone = open_shop("clone", restoreFrom={"store": "original"}, backup=NIGHTLY)
    clone.restore()
    clone.world.settle()
    clone.server.sql("CREATE TABLE of_the_clone ()", "medusa")
    clone.backup()
    before = content(original.server, "medusa")
    original.world.parent["spec"]["restoreFrom"] = {"backup": "latest"}
    original.restore()
    assert content(original.server, "medusa") == before


def test_another_owners_archives_can_not_be_cloned(open_shop: Any) -> None:
    made_from(open_shop, "original", owner="bob")
    clone = open_shop("clone", restoreFrom={"store": "original"}, owner="ann")
    code, said = clone.try_to_restore()
    assert (code, "no complete archive" in said) == (3, True)
