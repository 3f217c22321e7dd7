"""A Medusa store on this machine: what its manifests say is run, with what its images are built from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
import yaml

from storeplatform.templates import ENGINES

from ..cache import cached
from ..cluster.processes import free_ports
from ..containers.image import Image, built
from ..containers.sandbox import Cluster
from ..debian import need
from .ingress import Ingress
from .node import node_folder
from .rendering import render

IMAGES = ENGINES / "medusa" / "images"
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]


def backend() -> Path:
    """The backend as its image holds it."""
    source = IMAGES / "backend"

    def build(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        env = {**os.environ, "PATH": f"{node_folder()}:{os.environ['PATH']}"}
        env.pop("NODE_ENV", None)
        done = subprocess.run(
            [folder / "build.sh"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, f"build.sh ended with {done.returncode}:\n{done.stdout[-3000:]}"

    return cached("medusa", _files(source), build) / ".medusa" / "server"


def storefront() -> Path:
    """The packages that the storefront's image installs."""
    requirements = IMAGES / "storefront" / "requirements.txt"

    def build(folder: Path) -> None:
        subprocess.run([*PIP, "--require-hashes", "--requirement", requirements, "--target", folder], check=True)

    return cached("storefront", [requirements], build)


class MedusaStore:
    """A store of the platform's, with this spec.

    :param area: a folder for its volumes and logs.
    """

    def __init__(self, area: Path, **spec: Any) -> None:
        need("bubblewrap", "postgresql")
        self.ports = dict(zip(("backend", "database", "storefront"), free_ports(3), strict=True))
        self.objects = render(area, self.ports, engine="medusa", **spec)
        self.cluster = Cluster(self.objects, _images(area, self.ports["database"]), area)
        self.ingress = Ingress(self.cluster.find("Ingress", "store"), self.ports)
        self.url = f"http://{self.ingress.host}"

    def open(self) -> None:
        """Start all of it in the order of the engine's stages, and wait until each part is ready."""
        self.cluster.start("StatefulSet", "database")
        self.cluster.run("Job", "migrate")
        self.backend = self.cluster.start("Deployment", "backend")
        self.storefront = self.cluster.start("Deployment", "storefront")
        self.ingress.start()

    def close(self) -> None:
        """End all of it."""
        self.ingress.stop()
        self.cluster.stop()

    def api(self, method: str, path: str, body: Any = None, files: Any = None, **query: Any) -> Any:
        """Ask the admin API, signed in as the administrator whose password the store's Secret holds."""
        if not self._token:
            self._token = self._ask("POST", "/auth/user/emailpass", json=self._administrator())["token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._ask(method, path, json=body, files=files, params=query, headers=headers)

    _token = ""

    def _administrator(self) -> dict[str, str]:
        (seed,) = self.cluster.containers("Job", "migrate")[1:]
        return {"email": seed.env["MEDUSA_ADMIN_EMAIL"], "password": seed.env["MEDUSA_ADMIN_PASSWORD"]}

    def _ask(self, method: str, path: str, **rest: Any) -> Any:
        proxies = {"http": self.ingress.url}
        answer = requests.request(method, self.url + path, proxies=proxies, timeout=60, **rest)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()


def _images(area: Path, database_port: int) -> dict[str, Image]:
    engine = yaml.safe_load((ENGINES / "medusa" / "engine.yaml").read_text())
    names = next(iter(engine["versions"].values()))
    node = node_folder()
    server = Path(shutil.copytree(IMAGES / "storefront", area / "storefront"))  # an editable install is but links
    pages = {"/app/packages": storefront(), "/app/storefront": server / "storefront"}
    pages["/app/gunicorn.conf.py"] = server / "gunicorn.conf.py"
    return {
        names["backend"]: built(IMAGES / "backend" / "Dockerfile", {"/app": backend(), str(node): node}, [node]),
        names["storefront"]: built(server / "Dockerfile", pages, [Path(sys.base_prefix) / "bin"]),
        engine["images"]["database"]: _postgres(database_port),
    }


def _postgres(port: int) -> Image:
    bin_folder = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    script = Path(__file__).with_name("postgres.sh")
    env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "PGPORT": str(port), "LC_ALL": "C.UTF-8"}
    return Image({"/entrypoint.sh": script}, ["/entrypoint.sh"], env=env)


def _files(folder: Path) -> list[Path]:
    """The folder's own files, less what a build by hand left there."""
    made = {"node_modules", ".medusa"}
    return sorted(f for f in folder.rglob("*") if f.is_file() and not made & set(f.relative_to(folder).parts))
