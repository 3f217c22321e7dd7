"""The images that stores run: each one that a manifest names is built from this repository, or pinned to a version."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.app import EVERYTHING
from storeplatform.hooks.core import Store, render
from storeplatform.hooks.settings import Settings
from storeplatform.templates import ENGINES

from ..hooks.conftest import root_key, settings

__all__ = ["root_key", "settings"]

SCRIPTS = Path(sysconfig.get_path("scripts"))
ROOT = Path(__file__).parents[2]
BUILD = ENGINES / "build-images"
DOCKERFILES = sorted([ROOT / "Dockerfile", *ENGINES.glob("*/images/*/Dockerfile")])
PINNED = re.compile(r"[a-z0-9./-]+:[0-9]+\.[0-9]+[-.0-9a-z]*(@sha256:[0-9a-f]{64})?")
DIGESTED = re.compile(r"[a-z]+:[0-9][a-z0-9.-]+@sha256:[0-9a-f]{64}")


def build_images(*arguments: str, **env: str) -> list[str]:
    command = ["bash", str(BUILD), *arguments]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def test_the_platforms_image_is_built_from_every_part_of_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    parts = {line.split(" = ")[1].split("/")[0] for line in setup["options"]["package_dir"].split("\n")[1:]}
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert parts - sent == set()


def images_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["image"]} if isinstance(value.get("image"), str) else set()
        return own.union(*map(images_in, value.values()))
    return set().union(*map(images_in, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("engine", ["medusa", "woocommerce"])
def test_every_image_of_a_manifest_is_built_here_or_pinned(settings: Settings, engine: str) -> None:
    built = build_images("--list")
    named = {
        image
        for version in settings.engines[engine].versions
        for stage in render(
            settings, Store("s", "0", "o", engine, version, "small", "s.test", "a@s.test", 1, 1, True, **EVERYTHING)
        )
        for manifest in stage.manifests
        for image in images_in(manifest.body)
    }
    ours = {image for image in named if image.startswith("store-")}
    assert len(named) >= 2
    assert ours <= set(built)
    assert [image for image in named - ours if not PINNED.fullmatch(image)] == []


def test_every_image_that_is_built_is_named_by_an_engine(settings: Settings) -> None:
    told = " ".join((ENGINES / engine / "engine.yaml").read_text() for engine in settings.engines)
    assert [image for image in build_images("--list") if image not in told] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_a_base_is_pinned_to_a_version_by_its_digest(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    arguments = dict(re.findall(r"^ARG ([A-Z]+)=(.+)$", text, re.MULTILINE))
    bases = re.findall(r"^FROM \$\{([A-Z]+)\}", text, re.MULTILINE)
    assert len(bases) == len(re.findall("^FROM ", text, re.MULTILINE)) > 0
    assert [arguments[base] for base in bases if not DIGESTED.fullmatch(arguments[base])] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.parent.name)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    done = subprocess.run([SCRIPTS / "hadolint", dockerfile], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    images = [folder for folder in ENGINES.glob("*/images/*") if folder.name != "backup"]  # has a test of its own
    scripts = [file for folder in images for file in folder.iterdir() if file.is_file() and is_script(file)]
    scripts += [BUILD, *Path(__file__).parents[1].glob("shop/*.sh")]
    assert len(scripts) >= 6
    done = subprocess.run([SCRIPTS / "shellcheck", *scripts], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def is_script(file: Path) -> bool:
    return file.read_bytes().startswith(b"#!/")


def test_what_an_image_holds_is_the_version_that_the_engine_names() -> None:
    versions = {name: next(iter(yaml.safe_load((ENGINES / name / "engine.yaml").read_text())["versions"]))
                for name in ("medusa", "woocommerce")}  # fmt: skip
    backend = ENGINES / "medusa" / "images" / "backend"
    locked = json.loads((backend / "package-lock.json").read_text())["packages"]
    medusa = {name: each["version"] for name, each in locked.items() if name.startswith("node_modules/@medusajs/")}
    assert medusa["node_modules/@medusajs/medusa"] == versions["medusa"]
    wordpress = (ENGINES / "woocommerce" / "images" / "wordpress" / "Dockerfile").read_text()
    assert f"ARG WOOCOMMERCE_VERSION={versions['woocommerce']}\n" in wordpress
    assert re.search(r"^ARG WOOCOMMERCE_SHA256=[0-9a-f]{64}$", wordpress, re.MULTILINE)


def test_every_package_of_a_lock_file_has_a_checksum() -> None:
    lock = json.loads((ENGINES / "medusa" / "images" / "backend" / "package-lock.json").read_text())
    without = [name for name, each in lock["packages"].items() if name and not each.get("integrity")]
    requirements = (ENGINES / "medusa" / "images" / "storefront" / "requirements.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==\S+ (\\\n    --hash=sha256:[0-9a-f]{64})?", requirements, re.MULTILINE)
    assert without == []
    assert len(pins) > 5
    assert [name for name, checksum in pins if not checksum] == []


def test_the_build_gives_each_folder_its_name_tag_and_arguments(tmp_path: Path) -> None:
    builder = tmp_path / "builder"
    builder.write_text('#!/bin/sh\necho "$@"\n')
    builder.chmod(0o755)
    said = build_images(
        "store-medusa-storefront",
        BUILDER=str(builder),
        IMAGE_PREFIX="registry.example.com/stores/",
        BUILD_ARGS="PYTHON=python:3.11.14-slim-bookworm@sha256:0",
    )
    (line,) = said
    assert re.fullmatch(
        r"build --tag registry\.example\.com/stores/store-medusa-storefront:2\.21\.2 "
        r"--file \S*/medusa/images/storefront/Dockerfile "
        r"--build-arg PYTHON=python:3\.11\.14-slim-bookworm@sha256:0 \S*/medusa/images/storefront/",
        line,
    )
