"""A Medusa store on this machine: its manifests are run, with what its images are built from."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
import yaml

from storeplatform.templates import ENGINES

from ..cache import cached
from ..containers.image import Image, built
from ..containers.sandbox import Object
from ..debian import need
from .node import node_folder
from .store import RunningStore, backup_image, named

ENGINE = yaml.safe_load((ENGINES / "medusa" / "engine.yaml").read_text())
NEW, OLD = list(ENGINE["versions"])[:2]
IMAGES = ENGINES / "medusa" / "images"
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]


def backend(version: str) -> Path:
    """Return the backend of a version as its image contains it."""
    source = IMAGES / "backend"

    def build(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        env = {**os.environ, "PATH": f"{node_folder()}:{os.environ['PATH']}"}
        env.pop("NODE_ENV", None)
        command = f"sh build.sh {version} && sh .medusa/server/prepare.sh"
        done = subprocess.run(
            command, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, f"the build ended with {done.returncode}:\n{done.stdout[-3000:]}"

    files = [f for f in _files(source) if "versions" not in f.parts or version in f.parts]
    return cached(f"medusa-{version.replace('.', '-')}", files, build) / ".medusa" / "server"


def storefront() -> Path:
    """Return the packages that the storefront's image installs."""
    requirements = IMAGES / "storefront" / "requirements.txt"

    def build(folder: Path) -> None:
        subprocess.run([*PIP, "--require-hashes", "--requirement", requirements, "--target", folder], check=True)

    return cached("storefront", [requirements], build)


class MedusaStore(RunningStore):
    """A store with Medusa.

    :param backend_env: variables of the backend in addition to its manifest's.
    """

    engine = "medusa"
    services = ("backend", "database", "storefront")

    def __init__(self, area: Path, *, backend_env: dict[str, str] | None = None, **options: Any) -> None:
        need("bubblewrap", "postgresql")
        self._backend_env = backend_env or {}
        super().__init__(area, **options)

    def adjusted(self, objects: list[Object]) -> list[Object]:
        (medusa,) = named(objects, "Deployment", "backend")["spec"]["template"]["spec"]["containers"]
        medusa["env"] += [{"name": name, "value": value} for name, value in self._backend_env.items()]
        return objects

    def open(self) -> None:
        self.cluster.start("StatefulSet", "database")
        self.cluster.run("Job", "migrate")
        self.backend = self.cluster.start("Deployment", "backend")
        self.storefront = self.cluster.start("Deployment", "storefront")
        self.ingress.start()
        self._token = ""

    def images(self) -> dict[str, Image]:
        version = self.spec.get("version", NEW)
        names = ENGINE["versions"][version]
        node = node_folder()
        # An editable install consists of links.
        server = Path(shutil.copytree(IMAGES / "storefront", self.area / "storefront", dirs_exist_ok=True))
        pages = {"/app/packages": storefront(), "/app/storefront": server / "storefront"}
        pages["/app/gunicorn.conf.py"] = server / "gunicorn.conf.py"
        files = {"/app": backend(version), str(node): node}
        return {
            names["backend"]: built(IMAGES / "backend" / "Dockerfile", files, [node]),
            names["storefront"]: built(server / "Dockerfile", pages, [Path(sys.base_prefix) / "bin"]),
            ENGINE["images"]["backup"]: backup_image(self.engine, self.area, (postgres_programs(),)),
            ENGINE["images"]["database"]: _postgres(self.ports["database"]),
        }

    def database_text(self) -> str:
        """Return everything in the shop's database."""
        return self._in_database("pg_dump")

    def sql(self, statement: str) -> str:
        """Execute an SQL statement; return its rows."""
        return self._in_database(f"psql -Atc {shlex.quote(statement)}").strip()

    def _in_database(self, program: str) -> str:
        command = f"PGPASSWORD=$POSTGRES_PASSWORD {program} -h 127.0.0.1 -p {self.ports['database']} -U medusa medusa"
        return self.cluster.exec("StatefulSet", "database", "sh", "-c", command)

    def api(self, method: str, path: str, body: Any = None, files: Any = None, **query: Any) -> Any:
        """Call the admin API as the administrator in the store's Secret."""
        if not self._token:
            email, password = self.administrator()
            signing_in = {"email": email, "password": password}
            self._token = self._ask("POST", "/auth/user/emailpass", json=signing_in)["token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._ask(method, path, json=body, files=files, params=query, headers=headers)

    def administrator(self) -> tuple[str, str]:
        """Return the e-mail address and the password in the store's Secret."""
        (seed,) = self.cluster.containers("Job", "migrate")[1:]
        return seed.env["MEDUSA_ADMIN_EMAIL"], seed.env["MEDUSA_ADMIN_PASSWORD"]

    def _ask(self, method: str, path: str, **rest: Any) -> Any:
        proxies = {"http": self.ingress.url, "https": self.ingress.url}
        verify = str(self.ingress.authority) if self.ingress.tls else True
        answer = requests.request(method, self.url + path, proxies=proxies, verify=verify, timeout=60, **rest)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()


def _postgres(port: int) -> Image:
    script = Path(__file__).with_name("postgres.sh")
    env = {"PATH": f"{postgres_programs()}:/usr/bin:/bin", "PGPORT": str(port), "LC_ALL": "C.UTF-8"}
    return Image({"/entrypoint.sh": script}, ["/entrypoint.sh"], env=env, stop_signal="SIGINT")


def postgres_programs() -> Path:
    """Return the folder with initdb, pg_dump and so on, of the newest version here."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))


def _files(folder: Path) -> list[Path]:
    """Return the folder's own files, without results of a manual build."""
    made = {"node_modules", ".medusa"}
    return sorted(f for f in folder.rglob("*") if f.is_file() and not made & set(f.relative_to(folder).parts))
