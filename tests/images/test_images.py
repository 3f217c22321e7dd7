"""The images that stores run: each image in a manifest is built from this repository, or pinned to a version."""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sysconfig
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from storeplatform.hooks.core import render
from storeplatform.hooks.settings import Settings
from storeplatform.hooks.template_check import samples
from storeplatform.templates import ENGINES

from ..hooks.conftest import root_key, settings

__all__ = ["root_key", "settings"]

SCRIPTS = Path(sysconfig.get_path("scripts"))
ROOT = Path(__file__).parents[2]
BUILD = ENGINES / "build-images"
VERSIONS = ENGINES / "versions"
DOCKERFILES = sorted([ROOT / "Dockerfile", *ENGINES.glob("*/images/*/Dockerfile")])
PINNED = re.compile(r"[a-z0-9./-]+:[0-9]+\.[0-9]+[-.0-9a-z]*(@sha256:[0-9a-f]{64})?")
NO_PROXIES = {name: "" for each in ("HTTP", "HTTPS", "NO") for name in (f"{each}_PROXY", f"{each.lower()}_proxy")}
DIGESTED = re.compile(r"[a-z]+:[0-9][a-z0-9.-]+@sha256:[0-9a-f]{64}")


def by_image(dockerfile: Path) -> str:
    """A name for a test's parameter."""
    return str(dockerfile.parent.relative_to(ROOT if dockerfile.parent == ROOT else ENGINES)).replace("/images", "")


def build_images(*arguments: str, **env: str) -> list[str]:
    command = ["bash", str(BUILD), *arguments]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def test_the_platforms_image_contains_every_part_of_the_package() -> None:
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
        for sample in samples(settings, engine, "small")
        for stage in render(settings, sample)
        for manifest in stage.manifests
        for image in images_in(manifest.body)
    }
    ours = {image for image in named if image.startswith("store-")}
    assert len(named) >= 2
    assert ours <= set(built)
    assert [image for image in named - ours if not PINNED.fullmatch(image)] == []


def test_every_image_that_is_built_is_used_by_an_engine(settings: Settings) -> None:
    named = " ".join((ENGINES / engine / "engine.yaml").read_text() for engine in settings.engines)
    assert [image for image in build_images("--list") if image not in named] == []


def build_arguments(folder: Path) -> list[dict[str, str]]:
    """Return the arguments that build-images adds to the Dockerfile's own, for each version of a folder's image."""
    files = sorted(folder.glob("versions/*/build-args"))
    return [dict(re.findall(r"^([A-Z0-9_]+)=(.+)$", file.read_text(), re.MULTILINE)) for file in files]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_image)
def test_a_base_image_is_pinned_by_its_digest(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    arguments = dict(re.findall(r"^ARG ([A-Z]+)=(.+)$", text, re.MULTILINE))
    stages = re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE)
    bases = [base for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if base not in stages]
    assert len(bases) > 0
    for given in build_arguments(dockerfile.parent) or [{}]:
        pinned = [(arguments | given)[base.removeprefix("${").removesuffix("}")] for base in bases]
        assert [base for base in pinned if not DIGESTED.fullmatch(base)] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_image)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    done = subprocess.run([SCRIPTS / "hadolint", dockerfile], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    images = [folder for folder in ENGINES.glob("*/images/*") if folder.name != "backup"]  # has its own test
    scripts = [file for folder in images for file in folder.iterdir() if file.is_file() and is_script(file)]
    scripts += [BUILD, VERSIONS, *Path(__file__).parents[1].glob("shop/*.sh")]
    assert len(scripts) >= 6
    done = subprocess.run([SCRIPTS / "shellcheck", *scripts], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


def is_script(file: Path) -> bool:
    return file.read_bytes().startswith(b"#!/")


@pytest.mark.parametrize("engine", ["medusa", "woocommerce"])
def test_an_engine_offers_two_pinned_versions_and_no_file_of_another(settings: Settings, engine: str) -> None:
    offered = set(settings.engines[engine].versions)
    assert len(offered) >= 2
    parts = list((ENGINES / engine / "images").glob("*/versions"))
    assert parts
    assert [{version.name for version in part.iterdir()} for part in parts] == [offered for _ in parts]
    assert subprocess.run([VERSIONS, "list", engine], capture_output=True, text=True).stdout.split() == (
        settings.engines[engine].versions
    )


@pytest.mark.parametrize("version", sorted((ENGINES / "medusa" / "images" / "backend" / "versions").iterdir()),
                         ids=lambda folder: folder.name)  # fmt: skip
def test_a_lock_file_matches_its_version_and_has_every_checksum(version: Path) -> None:
    locked = json.loads((version / "package-lock.json").read_text())["packages"]
    medusa = {name: each["version"] for name, each in locked.items() if name.startswith("node_modules/@medusajs/")}
    assert medusa["node_modules/@medusajs/medusa"] == version.name
    assert [name for name, each in locked.items() if name and not each.get("integrity")] == []


def test_a_woocommerce_version_is_downloaded_by_its_checksum() -> None:
    folder = ENGINES / "woocommerce" / "images" / "wordpress"
    checksums = [given["WOOCOMMERCE_SHA256"] for given in build_arguments(folder)]
    assert len(set(checksums)) == len(checksums) >= 2
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for checksum in checksums)
    assert (
        'echo "${WOOCOMMERCE_SHA256}  /tmp/woocommerce.zip" | sha256sum --check --strict'
        in (folder / "Dockerfile").read_text()
    )


def test_every_python_package_of_the_storefront_has_a_checksum() -> None:
    requirements = (ENGINES / "medusa" / "images" / "storefront" / "requirements.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==\S+ (\\\n    --hash=sha256:[0-9a-f]{64})?", requirements, re.MULTILINE)
    assert len(pins) > 5
    assert [name for name, checksum in pins if not checksum] == []


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """A copy of the engines whose versions may be changed."""
    return Path(shutil.copytree(ENGINES, tmp_path / "engines"))


def versions(engines: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", engines / "versions", *arguments]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)


def content(folder: Path) -> dict[Path, bytes]:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_version_is_added_with_checksums_and_removed_completely(engines: Path, tmp_path: Path) -> None:
    before, archive = content(engines), tmp_path / "woocommerce.zip"
    archive.write_bytes(b"a release")
    base = "WORDPRESS=wordpress:8.0-php8.5-fpm@sha256:" + "1" * 64
    added = versions(engines, "add", "woocommerce", "12.0.0", base, WOOCOMMERCE_URL=f"file://{archive}")
    assert (added.returncode, added.stderr) == (0, "")
    assert versions(engines, "list", "woocommerce").stdout.split()[0] == "12.0.0"
    given = (engines / "woocommerce" / "images" / "wordpress" / "versions" / "12.0.0" / "build-args").read_text()
    assert f"{base}\nWOOCOMMERCE_SHA256={hashlib.sha256(b'a release').hexdigest()}\n" in given
    engine = yaml.safe_load((engines / "woocommerce" / "engine.yaml").read_text())
    assert engine["versions"]["12.0.0"] == {"wordpress": "store-woocommerce-wordpress:12.0.0"}
    assert versions(engines, "remove", "woocommerce", "12.0.0").returncode == 0
    assert content(engines) == before


def test_a_version_with_a_lock_file_is_resolved_again(engines: Path, tmp_path: Path) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\ncp package.json package-lock.json\n")
    npm.chmod(0o755)
    added = versions(engines, "add", "medusa", "2.99.0", PATH=f"{npm.parent}:/usr/bin:/bin")
    assert (added.returncode, added.stderr) == (0, "")
    locked = json.loads(
        (engines / "medusa" / "images" / "backend" / "versions" / "2.99.0" / "package-lock.json").read_text()
    )
    assert locked["dependencies"]["@medusajs/medusa"] == "2.99.0"
    engine = yaml.safe_load((engines / "medusa" / "engine.yaml").read_text())
    assert next(iter(engine["versions"])) == "2.99.0"
    assert engine["versions"]["2.99.0"]["storefront"] == "store-medusa-storefront:2.99.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "medusa", "2.21.2"), "medusa already offers 2.21.2"),
        (("add", "medusa", "latest"), 'a version must be written like 2.21.2, not "latest"'),
        (("add", "none", "1.0.0"), 'there is no engine "none"'),
        (("add", "woocommerce", "12.0.0", "NODE=x"), "NODE must be one of the arguments in"),
        (("add", "woocommerce", "12.0.0"), "curl: "),
        (("remove", "medusa", "1.0.0"), "medusa offers no 1.0.0"),
        (("remove",), "these arguments are not understood"),
    ],
)
def test_a_failed_addition_or_removal_changes_nothing(engines: Path, arguments: tuple[str, ...], message: str) -> None:
    before = content(engines)
    refused = versions(engines, *arguments, WOOCOMMERCE_URL="file:///none")
    assert refused.returncode != 0
    assert message in refused.stderr
    assert content(engines) == before


def test_the_only_version_of_an_engine_can_not_be_removed(engines: Path) -> None:
    *others, last = versions(engines, "list", "woocommerce").stdout.split()
    assert [versions(engines, "remove", "woocommerce", each).returncode for each in others] == [0 for _ in others]
    refused = versions(engines, "remove", "woocommerce", last)
    assert f"{last} is the only version that woocommerce offers: add another one first" in refused.stderr


@pytest.fixture
def builder(tmp_path: Path) -> str:
    """A builder that prints its arguments, each in brackets."""
    program = tmp_path / "builder"
    program.write_text("#!/bin/sh\nprintf '[%s]' \"$@\"\necho\n")
    program.chmod(0o755)
    return str(program)


def test_the_build_passes_each_folders_name_tag_and_arguments(builder: str) -> None:
    said = build_images(
        "store-medusa-storefront:2.21.2",
        BUILDER=builder,
        IMAGE_PREFIX="registry.example.com/stores/",
        BUILD_ARGS="PYTHON=python:3.11.14-slim-bookworm@sha256:0",
        **NO_PROXIES,
    )
    (line,) = said
    assert re.fullmatch(
        r"\[build\]\[--tag\]\[registry\.example\.com/stores/store-medusa-storefront:2\.21\.2\]"
        r"\[--file\]\[\S*/medusa/images/storefront/Dockerfile\]"
        r"\[--build-arg\]\[PYTHON=python:3\.11\.14-slim-bookworm@sha256:0\]\[\S*/medusa/images/storefront/\]",
        line,
    )


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "docker.io/library/store-medusa-storefront"),
        ("shops/", "docker.io/shops/store-medusa-storefront"),
        ("shops/eu/", "docker.io/shops/eu/store-medusa-storefront"),
        ("localhost/", "localhost/store-medusa-storefront"),
        ("registry:5000/", "registry:5000/store-medusa-storefront"),
        ("registry.example.com/", "registry.example.com/store-medusa-storefront"),
    ],
)
def test_an_image_has_the_name_that_a_node_looks_up(builder: str, prefix: str, name: str) -> None:
    """Docker completes a name in this way; podman and buildah prepend localhost/, where no pod finds it."""
    (said,) = build_images("store-medusa-storefront:2.21.2", BUILDER=builder, IMAGE_PREFIX=prefix, **NO_PROXIES)
    assert said.startswith(f"[build][--tag][{name}:2.21.2]")


@pytest.mark.parametrize("name", ["buildah", "podman"])
def test_npm_may_open_as_many_files_as_the_builder(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.write_text('#!/bin/sh\necho "$*"\n')
    program.chmod(0o755)
    (said,) = build_images("store-medusa-backend:2.21.2", BUILDER=str(program), **NO_PROXIES)
    assert f"--ulimit nofile={resource.getrlimit(resource.RLIMIT_NOFILE)[1]} " in said


def test_each_version_is_built_from_its_own_inputs(builder: str) -> None:
    old, new = build_images("store-woocommerce-wordpress", BUILDER=builder, BUILD_ARGS="WORDPRESS=own:1", **NO_PROXIES)
    for said, version, checksum in ((old, "10.9.4", "6e58fc3ba"), (new, "11.0.1", "da189b661")):
        assert f"wordpress:{version}]" in said
        assert f"[--build-arg][VERSION={version}]" in said
        assert f"[--build-arg][WOOCOMMERCE_SHA256={checksum}" in said
    # A builder uses the last value of an argument: the caller's.
    assert old.index("[WORDPRESS=wordpress:7.0.4-php8.3-fpm@sha256:") < old.index("[WORDPRESS=own:1]")


def test_the_build_passes_certificates_and_proxies(builder: str, tmp_path: Path) -> None:
    authority = tmp_path / "company ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    proxies = {**NO_PROXIES, "HTTPS_PROXY": "http://proxy.example.com:3128", "no_proxy": ".example.com,10.0.0.0/8"}
    said = "\n".join(build_images("store-medusa-backend", BUILDER=builder, CA_FILE=str(authority), **proxies))
    assert f"[--build-arg][CA_CERTIFICATES={authority.read_text().strip()}]" in said
    assert "[--build-arg][HTTPS_PROXY=http://proxy.example.com:3128]" in said
    assert "[--build-arg][no_proxy=.example.com,10.0.0.0/8]" in said
    assert "[--build-arg][HTTP_PROXY" not in said


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_image)
def test_an_image_can_be_built_with_company_certificates_and_a_mirror(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    stage = next(stage for stage in re.split(r"^FROM ", text, flags=re.MULTILINE) if "ARG CA_CERTIFICATES" in stage)
    assert re.search("^ARG .*(PIP_INDEX_URL|NPM_CONFIG_REGISTRY|APT_MIRROR|WOOCOMMERCE_URL)", stage, re.MULTILINE)
    trusting = stage.index("printf '%s\\n' \"$CA_CERTIFICATES\"")
    downloads = [stage.find(word) for word in ("pip install", "sh build.sh", "apt-get update", "curl ")]
    assert min(place for place in downloads if place > 0) > trusting


def test_every_build_argument_is_documented() -> None:
    documented = (ROOT / "docs" / "operators" / "images.md").read_text()
    arguments = {
        name.partition("=")[0]
        for dockerfile in DOCKERFILES
        for line in re.findall("^ARG (.+)$", dockerfile.read_text(), re.MULTILINE)
        for name in line.split()
    }
    versions = {"VERSION", "WOOCOMMERCE_SHA256"}  # part of the image's definition
    assert sorted(name for name in arguments - versions if f"`{name}`" not in documented) == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_image)
def test_file_permissions_of_an_image_do_not_depend_on_the_checkout(dockerfile: Path) -> None:
    """A mode given to COPY also applies to folders, which then can't be entered; and a umask of 077 makes files that
    the image's user can't read.
    """
    text = dockerfile.read_text().replace("\\\n", " ")
    assert "--chmod" not in text
    copies = [m.end() for m in re.finditer(r"^COPY (?!--from)(?!requirements\.txt).*$", text, re.MULTILINE)]
    assert text.rindex("chmod -R u=rwX,go=rX") > max(copies)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=by_image)
def test_python_packages_are_installed_into_a_separate_folder(dockerfile: Path) -> None:
    """A distribution's Python refuses installations (PEP 668), and other bases than python: images are possible."""
    installs = re.findall(r"pip install [^&]*", dockerfile.read_text().replace("\\\n", " "))
    assert [line for line in installs if "--target " not in line or "--no-compile" in line] == []


def test_the_platforms_image_has_all_requirements_of_setup_cfg() -> None:
    """``tox -e lock`` pins them."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = [Requirement(line) for line in setup["options"]["install_requires"].split("\n") if line]
    lock = (ROOT / "requirements" / "image.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+) ", lock, re.MULTILINE))
    assert [str(each) for each in wanted if pinned.get(each.name, "") not in each.specifier] == []
    assert lock.count("--hash=sha256:") >= len(pinned) > 40


def test_the_platforms_image_can_be_built_with_the_oldest_supported_python() -> None:
    """Debian's is not the newest of its line, and some packages need more dependencies with an older one."""
    lock = (ROOT / "requirements" / "image.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    first = {"python_version": "3.11", "python_full_version": "3.11.0", "sys_platform": "linux", "extra": ""}
    installed = {canonicalize_name(each.name): each for each in metadata.distributions()}
    needed = [Requirement(text) for name in pinned & installed.keys() for text in installed[name].requires or []]
    wanted = {canonicalize_name(each.name) for each in needed if not each.marker or each.marker.evaluate(first)}
    assert len(wanted) > 20
    assert wanted <= pinned


def test_a_build_that_npm_left_incomplete_fails(tmp_path: Path) -> None:
    """npm can exit with 0 although packages are missing: npm ls checks that."""
    folder = Path(shutil.copytree(ENGINES / "medusa" / "images" / "backend", tmp_path / "backend"))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(
        '#!/bin/sh\n[ "$1" = ci ] && exit 0\n[ "$1" = ls ] && echo "missing: typescript" >&2 && exit 1\nexit 0\n'
    )
    npm.chmod(0o755)
    env = {"PATH": f"{npm.parent}:/usr/bin:/bin"}
    done = subprocess.run(["sh", folder / "build.sh", "2.21.2"], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "missing: typescript\n")
