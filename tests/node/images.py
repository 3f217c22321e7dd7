"""The images that run on the node, built with the product's own Dockerfiles and build-images.

Their bases are built here from Debian's packages, because not every machine reaches the registries of the pinned bases.
Each image is stored as an archive in the user's cache, by the hash of its sources.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from storeplatform.templates import ENGINES

from ..cache import cached
from ..cluster.loops import find_metacontroller
from ..cluster.processes import LAUNCHER
from . import programs, versions
from .versions import CRASHING_IMAGE, engine_of_more_versions, shipped_engine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASES = HERE / "bases"
DEBIAN_PACKAGES = BASES / "debian.packages"
# For the tests' stand-in for Metacontroller; its other requirements are the platform's too.
STAND_IN = sorted([*HERE.parent.glob("cluster/loop*.py"), HERE.parent / "cluster" / "client.py"])
POSTGRES_ENTRYPOINT = HERE.parent / "shop" / "postgres.sh"
# What a machine behind a company's proxy trusts in addition to the public certificates.
COMPANY_CERTIFICATES = Path("/usr/local/share/ca-certificates")
# Files in the platform's image that do not affect what runs.
DOCUMENTS = ("LICENSE", "README.md")
# An interrupted build leaves no process and no mount.
APART = ["/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
PLATFORM = "docker.io/library/store-platform:0.1.0"


class ImageError(Exception):
    """An image can't be built; the message ends with the builder's output."""


@dataclass(frozen=True)
class Image:
    """An image by the name that pods use, and the archive that contains it."""

    name: str
    archive: Path


class Builder:
    """buildah with its own storage, which is removed afterwards."""

    def __init__(self, folder: Path) -> None:
        self.options = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        own = {"STORAGE_DRIVER": "overlay", "BUILDAH_ISOLATION": "chroot", "TMPDIR": str(folder)}
        self.env = {**os.environ, **own}

    def run(self, *arguments: str) -> str:
        """Return its output.

        :raise ImageError: it failed.
        """
        return self.execute(["buildah", *self.options, *arguments])

    def execute(self, command: list[str], **env: str) -> str:
        """Run a program that uses buildah.

        :raise ImageError: it failed.
        """
        tied = [sys.executable, "-IS", str(LAUNCHER), str(os.getpid()), *APART, *command]
        done = subprocess.run(tied, env={**self.env, **env}, capture_output=True, text=True)
        if done.returncode:
            raise ImageError(f"{' '.join(command[:1])} ended with {done.returncode}:\n{done.stderr.strip()[-3000:]}")
        return done.stdout.strip()

    def build(self, name: str, dockerfile: Path, context: Path, **arguments: str) -> None:
        """Build the image of that name."""
        given = [f"--build-arg={key}={value}" for key, value in {**arguments, **_certificates()}.items()]
        files = f"--ulimit=nofile={resource.getrlimit(resource.RLIMIT_NOFILE)[1]}"
        self.run(
            "build", "--quiet", "--network=host", files, "--tag", name, "--file", str(dockerfile), *given, str(context)
        )

    def load(self, image: Image) -> str:
        """Load an image; return its name."""
        self.run("pull", "--quiet", f"docker-archive:{image.archive}")
        return image.name

    def save(self, name: str, folder: Path) -> None:
        """Write an image's archive."""
        self.run("push", "--quiet", name, f"docker-archive:{folder / 'image.tar'}:{name}")


@dataclass
class Images:
    """All images, each built when it is first needed.

    :param more_versions: whether the platform offers more versions of Medusa than it ships: some that do not work.
    """

    more_versions: bool = False
    _made: dict[str, Image] = field(default_factory=dict)

    def all(self) -> list[Image]:
        """Return everything that a node needs."""
        made = [self.pause(), self.coredns(), self.metacontroller(), self.ingress(), self.debian()]
        if self.more_versions:
            made.append(self.crashing())
        return [*made, self.platform(), self.postgres(), *self.shops()]

    def debian(self) -> Image:
        """A small Debian with Python, on which the others are based."""

        def build(builder: Builder, folder: Path) -> None:
            packages = ",".join(DEBIAN_PACKAGES.read_text().split())
            tar = folder / "debian.tar"
            builder.execute(
                ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", str(tar)]
            )
            (folder / "Dockerfile").write_text("FROM scratch\nADD debian.tar /\n")
            builder.build("docker.io/library/debian:bookworm", folder / "Dockerfile", folder)
            tar.unlink()

        return self._image("docker.io/library/debian:bookworm", [DEBIAN_PACKAGES], build)

    def node(self) -> Image:
        """Replaces ``node:``."""
        return self._on_debian("docker.io/library/node:22", BASES / "node.Dockerfile")

    def postgres(self) -> Image:
        """Under the same name that the engine uses for its database."""
        name = _full(str(shipped_engine()["images"]["database"]))
        return self._on_debian(name, BASES / "postgres.Dockerfile", POSTGRES_ENTRYPOINT, BASES / "pg_hba.conf")

    def ingress(self) -> Image:
        """nginx and the program that configures it."""
        controller = HERE / "ingress" / "controller.py"
        return self._on_debian("docker.io/library/ingress:1", BASES / "ingress.Dockerfile", controller)

    def pause(self) -> Image:
        return self._of_program("docker.io/library/pause:1", programs.pause())

    def coredns(self) -> Image:
        return self._of_program("docker.io/library/coredns:1", programs.coredns())

    def metacontroller(self) -> Image:
        """The real one if it is on PATH or METACONTROLLER names it, otherwise the stand-in."""
        name = "docker.io/library/metacontroller:v4.17.2"
        if found := find_metacontroller():
            return self._linked(name, Path(found))

        def build(builder: Builder, folder: Path) -> None:
            for file in STAND_IN:
                shutil.copy(file, folder)
            builder.build(name, BASES / "stand-in.Dockerfile", folder, PLATFORM=builder.load(self.platform()))

        return self._image(
            name, [BASES / "stand-in.Dockerfile", *STAND_IN, self.platform().archive.with_name("key")], build
        )

    def platform(self) -> Image:
        """The platform's own image."""

        shipped = "localhost/store-platform" if self.more_versions else PLATFORM

        def build(builder: Builder, folder: Path) -> None:
            builder.build(shipped, ROOT / "Dockerfile", ROOT, PYTHON=builder.load(self.debian()))
            if self.more_versions:
                (folder / "engine.yaml").write_text(yaml.safe_dump(engine_of_more_versions(), sort_keys=False))
                builder.build(PLATFORM, BASES / "platform.Dockerfile", folder, PLATFORM=shipped)

        ignore = ROOT / ".dockerignore"
        copied = {line[1:] for line in ignore.read_text().splitlines() if line.startswith("!")}.difference(DOCUMENTS)
        files = [ROOT / "Dockerfile", ignore]
        for path in (ROOT / name for name in sorted(copied)):
            files += _files(path) if path.is_dir() else [path]
        return self._image(PLATFORM, [*files, *([Path(versions.__file__)] if self.more_versions else [])], build)

    def crashing(self) -> Image:
        """A backend that exits with an error."""
        return self._on_debian(_full(CRASHING_IMAGE), BASES / "crashing.Dockerfile")

    def shops(self) -> list[Image]:
        """The images of Medusa's stores, without the database: each version of it."""
        listed = subprocess.run([ENGINES / "build-images", "--list"], capture_output=True, text=True, check=True).stdout
        return [self.shop(name) for name in listed.split() if name.startswith("store-medusa-")]

    def backup(self) -> Image:
        return self.shop(str(shipped_engine()["images"]["backup"]))

    def shop(self, image: str) -> Image:
        """One of them, by its name and tag."""
        part, _, version = image.removeprefix("store-medusa-").partition(":")
        bases = {
            "backend": ("NODE", self.node),
            "storefront": ("PYTHON", self.debian),
            "backup": ("POSTGRES", self.postgres),
        }
        argument, base = bases[part]

        def build(builder: Builder, folder: Path) -> None:
            templates = closed_copy(ENGINES, folder / "templates")
            arguments = f"{argument}={builder.load(base())}"
            certificates = folder / "company.pem"
            certificates.write_text(_certificates().get("CA_CERTIFICATES", ""))
            wrapper = folder / "buildah"
            options = " ".join(builder.options)
            wrapper.write_text(f'#!/bin/sh\ncommand=$1\nshift\nexec buildah {options} "$command" --network=host "$@"\n')
            wrapper.chmod(0o755)
            own = {"BUILDER": str(wrapper), "BUILD_ARGS": arguments}
            if certificates.stat().st_size:
                own["CA_FILE"] = str(certificates)
            builder.execute([str(templates / "build-images"), image], **own)

        files = _files(ENGINES / "medusa" / "images" / part)
        if part == "backup":
            files += _files(ENGINES / "common" / "images" / part)
        of_others = [file for file in files if "versions" in file.parts and version not in file.parts]
        return self._image(_full(image), [file for file in files if file not in of_others], build)

    def _on_debian(self, name: str, dockerfile: Path, *files: Path) -> Image:
        def build(builder: Builder, folder: Path) -> None:
            for file in files:
                shutil.copy(file, folder)
            builder.build(name, dockerfile, folder, DEBIAN=builder.load(self.debian()))

        return self._image(name, [dockerfile, *files], build)

    def _linked(self, name: str, program: Path) -> Image:
        def build(builder: Builder, folder: Path) -> None:
            shutil.copy(program, folder / "program")
            builder.build(name, BASES / "linked.Dockerfile", folder, DEBIAN=builder.load(self.debian()))

        return self._image(name, [BASES / "linked.Dockerfile", program], build)

    def _of_program(self, name: str, program: Path) -> Image:
        def build(builder: Builder, folder: Path) -> None:
            shutil.copy(program, folder / "program")
            builder.build(name, BASES / "program.Dockerfile", folder)

        return self._image(name, [BASES / "program.Dockerfile", program], build)

    def _image(self, name: str, sources: list[Path], build: Callable[[Builder, Path], None]) -> Image:
        def into(folder: Path) -> None:
            with _builder() as (builder, area):
                build(builder, area)
                builder.save(name, folder)
            # Part of a cache key in place of the archive, for what depends on it.
            (folder / "key").write_text(f"{name} {folder.stem}\n")

        if name not in self._made:
            short = re.sub("[.:]", "-", name.rpartition("/")[2])
            self._made[name] = Image(name, cached(f"image-{short}", sources, into) / "image.tar")
        return self._made[name]


def closed_copy(source: Path, to: Path) -> Path:
    """A copy of a folder as a checkout under umask 077 has it: only its owner may read it."""
    shutil.copytree(source, to)  # an editable install consists of links, which are followed
    for path in [to, *to.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o700)
    return to


@contextmanager
def _builder() -> Iterator[tuple[Builder, Path]]:
    with tempfile.TemporaryDirectory(prefix="images-", dir="/var/tmp") as name:
        yield Builder(Path(name)), Path(name)


def _certificates() -> dict[str, str]:
    texts = [file.read_text() for file in sorted(COMPANY_CERTIFICATES.glob("*.crt"))]
    return {"CA_CERTIFICATES": "\n".join(texts)} if texts else {}


def _full(name: str) -> str:
    return name if "/" in name else f"docker.io/library/{name}"


def _files(folder: Path) -> list[Path]:
    ignored = {"node_modules", ".medusa", "__pycache__"}
    return sorted(
        file for file in folder.rglob("*") if file.is_file() and not ignored & set(file.relative_to(folder).parts)
    )
