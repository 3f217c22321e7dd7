"""A store of either engine on this machine, for one spec, and then for another."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from storeplatform.templates import ENGINES

from ..cluster.processes import free_ports
from ..containers.image import Image, built
from ..containers.sandbox import Cluster, Container, Object
from ..values import settings_of
from .ingress import Ingress
from .rendering import render


class RunningStore(ABC):
    """A store of the platform.

    :param area: a folder for its volumes and logs.
    :param tls: whether it is served over TLS.
    :param name: the store's; another one has other passwords.
    :param spec: the Store's spec without its engine and owner.
    """

    engine: ClassVar[str]
    # What listens, by the names of the engine file's ports.
    services: ClassVar[tuple[str, ...]]

    def __init__(self, area: Path, *, tls: bool = False, name: str = "corner-shop", **spec: Any) -> None:
        self.area, self.name, self.spec = area, name, spec
        self.ports = dict(zip(self.services, free_ports(len(self.services)), strict=True))
        self._render(tls)

    @classmethod
    @contextmanager
    def temporary(cls, **options: Any) -> Iterator[Self]:
        """A store of which nothing is started, in a folder that is kept if a test fails."""
        area = Path(tempfile.mkdtemp(prefix=f"store-{cls.engine}-tests-"))
        area.chmod(0o755)
        store = cls(area, **options)
        try:
            yield store
        finally:
            store.close()
        shutil.rmtree(area)

    @abstractmethod
    def images(self) -> dict[str, Image]:
        """Return the images that its objects name."""

    @abstractmethod
    def open(self) -> None:
        """Start all of it in the order of the engine's stages, and wait until each part is ready."""

    def adjusted(self, objects: list[Object]) -> list[Object]:
        """Return what is rendered, changed where a test needs it."""
        return objects

    def become(self, *, tls: bool = False, **spec: Any) -> None:
        """Stop it, and start it with another spec: another version, or another host."""
        self.close()
        self.spec = {**self.spec, **spec}
        self._render(tls)
        self.open()

    def close(self) -> None:
        """Stop everything that was started."""
        self.ingress.stop()
        self.cluster.stop()

    def archive(self, *arguments: str) -> str:
        """Run the backup's container with these arguments, as its Jobs do; return its termination message."""
        (made,) = self.cluster.containers("CronJob", "backup")
        container = Container(self.cluster, "backup", made.pod, {**made.spec, "args": list(arguments)})
        container.run()
        return container.termination.read_text()

    def _render(self, tls: bool) -> None:
        over = {"ingress": {**settings_of("hooks")["ingress"], "tlsIssuer": "issuer" if tls else ""}}
        objects = render(self.area, self.ports, self.engine, over=over, name=self.name, **self.spec)
        self.cluster = Cluster(self.adjusted(objects), self.images(), self.area)
        self.ingress = Ingress(self.cluster.find("Ingress", "store"), self.ports, self.area)
        self.url = f"http{'s' if tls else ''}://{self.ingress.host}"


def backup_image(engine: str, area: Path, programs: tuple[Path, ...] = ()) -> Image:
    """Return the engine's image for backups.

    :param programs: folders whose programs take precedence over this machine's.
    """
    # An editable install consists of links.
    scripts = Path(shutil.copytree(ENGINES / "common" / "images" / "backup", area / "scripts", dirs_exist_ok=True))
    return built(ENGINES / engine / "images" / "backup" / "Dockerfile", {"/app": scripts}, [Path("/app"), *programs])


def named(objects: list[Object], kind: str, name: str) -> Object:
    """Return the object of that kind and name."""
    (found,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found
