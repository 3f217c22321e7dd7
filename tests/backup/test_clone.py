"""A clone, from one store's rendered manifests to the other's: what their containers are told is what they run with.

The hooks' own manifests of a database, a backup and a restore run here as processes, against two PostgreSQL servers and
one S3 server that wants the right keys: a wrong variable in a template ends in an error, or in other data.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.settings import Settings, load_settings
from storeplatform.templates import ENGINES

from ..cluster.client import Object
from ..cluster.processes import free_address
from ..containers import Image, Surroundings, execution
from ..hooks.world import World
from ..hooks.world import store as store_of
from ..values import settings_of
from . import users
from .postgres import Server, programs
from .shop import SHOP, content, files, fill
from .targets import BUCKET, S3Server, new_folder

DONE = (0, "")
NIGHTLY = {"schedule": "0 3 * * *"}

DOCKERFILE = ENGINES / "medusa" / "images" / "backup" / "Dockerfile"


@dataclass
class Shop:
    """One store: its objects as the hooks want them, and what stands on this machine for its volumes and database."""

    world: World
    server: Server
    volumes: dict[str, Path]
    image: Image

    @property
    def uploads(self) -> Path:
        return self.volumes["uploads"]

    def run(self, pod: Object) -> tuple[int, str]:
        """Run a rendered pod's one container to its end: its exit code, and its standard error."""
        (container,) = pod["containers"]
        around = Surroundings(secrets_of(self.world), self.volumes, {"database": self.server.env["PGHOST"]})
        ran = execution(container, around, self.image)
        done = subprocess.run(
            ran.arguments,
            env=ran.env,
            cwd="/",
            user=users.SCRIPTS,
            group=users.SCRIPTS,
            extra_groups=None if users.SCRIPTS is None else [],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr

    def backup(self) -> tuple[int, str]:
        """Run the CronJob's container."""
        return self.run(self.world.find("CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"])

    def restore(self) -> tuple[int, str]:
        """Run the container of the Job that restoreFrom makes."""
        for _ in range(20):
            jobs = [obj for key, obj in self.world.observed.items() if key.name.startswith("restore-")]
            if jobs:
                return self.run(jobs[0]["spec"]["template"]["spec"])
            self.world.step()
        raise AssertionError("no restore was asked for")


@pytest.fixture
def settings(s3: S3Server, folder: Path) -> Iterator[Settings]:
    """The shipped settings with the S3 server as the object store; it refuses all other keys."""
    values = settings_of("hooks")
    values["backup"]["s3"] = {"endpoint": s3.endpoint, "bucket": BUCKET, "region": "us-east-1"}
    keys = {"accessKeyId": s3.keys["AWS_ACCESS_KEY_ID"], "secretAccessKey": s3.keys["AWS_SECRET_ACCESS_KEY"]}
    # A root key of this test's own, so that its owners' archives are apart from those of other tests.
    files_of = {"settings.yaml": yaml.safe_dump(values), "keys.yaml": yaml.safe_dump(keys), "root.key": folder.name * 8}
    for name, text in files_of.items():
        (folder / name).write_text(text)
    s3.require_keys(True)
    yield load_settings(folder / "settings.yaml", ENGINES, folder / "root.key", folder / "keys.yaml")
    s3.require_keys(False)


@pytest.fixture
def open_shop(settings: Settings, folder: Path, scripts: Path, server: Server) -> Iterator[Any]:
    """Makes a store with a database server of its own, as its StatefulSet describes it."""
    entrypoint = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    assert entrypoint
    image = Image(tuple(json.loads(entrypoint[1])), env={"PATH": f"{scripts}:{programs()}:/usr/bin:/bin"})
    with ExitStack() as stack:

        def make(name: str, **spec: Any) -> Shop:
            world = World(settings, store_of(name, **spec))
            while not any(key.kind == "StatefulSet" for key in world.observed):
                world.step()
            area = new_folder(folder, name)
            server = database_of(world, new_folder(area, "database"))
            stack.callback(server.stop)
            server.start()
            server.sql("CREATE DATABASE medusa")
            return Shop(world, server, {"uploads": new_folder(area, "uploads"), "tmp": new_folder(area, "tmp")}, image)

        yield make


def database_of(world: World, area: Path) -> Server:
    """A server as the store's StatefulSet describes it, on an address of its own."""
    (container,) = world.find("StatefulSet", "database")["spec"]["template"]["spec"]["containers"]
    around = Surroundings(secrets_of(world), {mount["name"]: area for mount in container["volumeMounts"]})
    env, port = execution(container, around).env, container["ports"][0]["containerPort"]
    assert env["POSTGRES_DB"] == "medusa"
    user, password = env["POSTGRES_USER"], env["POSTGRES_PASSWORD"]
    return Server(area, host=free_address(port), port=port, user=user, password=password)


def secrets_of(world: World) -> dict[str, dict[str, str]]:
    """The values of every Secret that is there."""
    secrets = [obj for key, obj in world.observed.items() if key.kind == "Secret"]
    return {
        secret["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
        for secret in secrets
    }


def made_from(open_shop: Any, name: str, **spec: Any) -> Shop:
    """A store with a full database and uploads, and one archive of both."""
    shop: Shop = open_shop(name, backup=NIGHTLY, **spec)
    shop.world.settle()
    shop.server.sql(SHOP, "medusa")
    fill(shop.uploads)
    users.give(shop.uploads, users.SCRIPTS)
    assert shop.backup() == DONE
    return shop


def test_a_clone_has_the_database_and_the_uploads_of_the_store_it_is_made_from(open_shop: Any) -> None:
    original = made_from(open_shop, "original")
    clone = open_shop("clone", restoreFrom={"store": "original"}, backup=NIGHTLY)
    assert clone.restore() == DONE
    assert content(clone.server, "medusa") == content(original.server, "medusa")
    assert files(clone.uploads) == files(original.uploads)


def test_a_clones_own_backups_are_apart_from_those_of_the_store_it_is_made_from(open_shop: Any) -> None:
    original = made_from(open_shop, "original")
    clone = open_shop("clone", restoreFrom={"store": "original"}, backup=NIGHTLY)
    assert clone.restore() == DONE
    clone.world.settle()
    clone.server.sql("CREATE TABLE of_the_clone ()", "medusa")
    assert clone.backup() == DONE
    before = content(original.server, "medusa")
    original.world.parent["spec"]["restoreFrom"] = {"backup": "latest"}
    assert original.restore() == DONE
    assert content(original.server, "medusa") == before


def test_another_owners_archives_can_not_be_cloned(open_shop: Any) -> None:
    made_from(open_shop, "original", owner="bob")
    clone = open_shop("clone", restoreFrom={"store": "original"}, owner="ann")
    code, error = clone.restore()
    assert (code, "no whole archive" in error) == (3, True)
