"""Engines and settings are data: adding one needs no Python, an invalid one is named at start-up."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.common.configuration import ConfigurationError, load_token
from storeplatform.hooks.core import RenderError, render
from storeplatform.hooks.core.acceptance import accept
from storeplatform.hooks.settings import load_root_key, load_settings
from storeplatform.hooks.template_check import check_templates
from storeplatform.templates import ENGINES
from tests.values import settings_of

from .world import World, ready, store


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """A copy of the shipped engines that a test may extend."""
    return Path(shutil.copytree(ENGINES, tmp_path / "engines"))


def add_engine(engines: Path, manifest: str, **over: Any) -> None:
    folder = engines / "tiny"
    folder.mkdir()
    (folder / "web.yaml").write_text(manifest)
    engine = {
        "title": "Tiny",
        "description": "One page.",
        "versions": {"1": {}},
        "components": [],
        "credentials": [],
        "routes": [{"path": "/", "service": "web"}],
        "stages": [SERVE],
    }
    (folder / "engine.yaml").write_text(yaml.safe_dump({**engine, **over}))


WORDS = {"en": "Shop", "de": "Shop"}
SERVE = {"role": "serve", "condition": "BackendReady", "words": WORDS, "manifests": ["tiny/web.yaml"]}
DATABASE = {"role": "database", "condition": "DatabaseReady", "words": WORDS, "manifests": ["tiny/database.yaml"]}
SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ store.name ~ '-web' }}\n"


def test_a_folder_with_an_engine_file_is_an_engine(engines: Path, settings_with: Any) -> None:
    add_engine(engines, SERVICE)
    status = World(settings_with(engines), store(engine="tiny")).settle()["status"]
    assert status["phase"] == "Ready"
    assert [c["type"] for c in status["conditions"]] == [
        "Accepted",
        "NamespaceReady",
        "BackendReady",
        "Exposed",
        "Progressing",
        "Ready",
    ]
    assert "adminURL" not in status


def test_an_unknown_engine_is_rejected_with_the_existing_folders(engines: Path, settings_with: Any) -> None:
    add_engine(engines, SERVICE)
    (refused,) = [
        c["message"]
        for c in World(settings_with(engines), store(engine="none")).ask()["status"]["conditions"]
        if c["type"] == "Accepted"
    ]
    assert refused == "spec.engine must be one of medusa, tiny, woocommerce: edit the Store to choose one"


def test_an_empty_yaml_document_creates_no_child(engines: Path, settings_with: Any) -> None:
    add_engine(engines, f"---\n---\n{SERVICE}---\n# nothing\n---\n")
    names = [child["kind"] for child in World(settings_with(engines), store(engine="tiny")).settle()["children"]]
    assert names.count("Service") == 1


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("a: [", "the template tiny/web.yaml must produce YAML, but its output is invalid: line 2: "),
        ("just text", "the template tiny/web.yaml must produce only objects with kind and metadata.name"),
        ("kind: Service", "the template tiny/web.yaml must produce only objects with kind and metadata.name"),
    ],
)
def test_a_template_that_produces_no_objects_is_named(
    engines: Path, settings_with: Any, manifest: str, message: str
) -> None:
    add_engine(engines, manifest)
    settings = settings_with(engines)
    with pytest.raises(RenderError) as error:
        render(settings, accept(World(settings, store(engine="tiny")).request(), settings)[0])
    assert str(error.value).startswith(message)


def test_a_template_with_an_undefined_variable_prevents_the_start(engines: Path, settings_with: Any) -> None:
    add_engine(engines, "name: {{ store.nothing }}")
    with pytest.raises(ConfigurationError, match=r"engine tiny 1, plan small: .*has no attribute 'nothing'"):
        check_templates(settings_with(engines))


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"title": 5}, "title: must be one line of text"),
        ({"description": "two\nlines"}, "description: must be one line of text"),
        ({"versions": {}}, "versions: must have at least one"),
        ({"versions": {1.0: {}}}, 'versions.1.0: must be a version in quotes, such as "1.0", at most 40 characters'),
        ({"versions": {"1.0 ü": {}}}, "versions.1.0 ü: must be a version in quotes"),
        (
            {"versions": {"1": {"web": None}}},
            "versions.1.web: must be the name of an image, such as",
        ),
        ({"versions": {"1": {"web": "a:1"}, "2": {}}}, "versions.2: must have the images of 1, which are web"),
        ({"stages": []}, "stages: must have at least one with the role serve"),
        ({"stages": [{**SERVE, "role": "work"}]}, "stages: must have at least one with the role serve"),
        ({"stages": "serve"}, "stages: must be a list of stages"),
        ({"stages": ["serve"]}, "stages.0: must be a mapping with role, condition, words, manifests"),
        (
            {"stages": [{**SERVE, "condition": "Ready!"}]},
            "stages.0.condition: must be letters, beginning",
        ),
        ({"stages": [{**SERVE, "condition": "Ready"}]}, "stages.0.condition: Ready is taken: choose another name"),
        ({"stages": [{**SERVE, "condition": "Exposed"}]}, "stages.0.condition: Exposed is taken"),
        ({"stages": [SERVE, SERVE]}, "stages.1.condition: BackendReady is taken"),
        (
            {"stages": [SERVE, {**SERVE, "condition": "B"}]},
            "stages.1.manifests: must be in only one stage: tiny",
        ),
        (
            {"stages": [{**SERVE, "manifests": ["tiny/none.yaml"]}]},
            "stages.0.manifests: must exist below .*; missing: tiny/none.yaml",
        ),
        (
            {"stages": [{**SERVE, "manifests": ["../settings.yaml"]}]},
            "stages.0.manifests.0: must be a file below the folder of engines, such as tiny/web.yaml",
        ),
        ({"stages": [{**SERVE, "role": "server"}]}, "stages.0.role: must be one of: prove, .*serve"),
        ({"stages": [{**SERVE, "role": None}]}, "stages.0.role: must be one of: prove, .*serve"),
        ({"stages": [{**SERVE, "wards": WORDS}]}, "stages.0.wards: is unknown: allowed are role, condition, words"),
        (
            {"stages": [{**SERVE, "words": {"en": "Shop"}}]},
            "stages.0.words.de: is missing: it must be one line",
        ),
        (
            {"stages": [{"role": "serve", "manifests": ["tiny/web.yaml"]}]},
            "stages.0.role: serve needs condition, words and at least one entry in manifests",
        ),
        ({"stages": [SERVE, {**SERVE, "role": "guard"}]}, "stages.1.role: guard is common to all engines"),
        ({"stages": [SERVE, {"role": "guard"}]}, "stages.1.role: guard is common to all engines: name only manifests"),
        ({"stages": [SERVE, DATABASE]}, "images.backup: is missing: data are backed up by that image"),
        ({"stages": [SERVE, DATABASE], "images": {"backup": "a:1"}}, "jobResources: must have requests and limits"),
        (
            {"stages": [SERVE, DATABASE], "images": {"backup": "a:1"}, "jobResources": {"requests": {}, "limits": {}}},
            "stages.database: needs a file tiny/backup-env.yaml",
        ),
        ({"components": "backend"}, "components: must be a list of names of what runs all the time"),
        ({"components": ["Backend"]}, "components.0: must be lowercase letters"),
        ({"components": ["web", "web"]}, "components: must name each only once: web"),
        ({"credentials": None}, "credentials: must be a list of names of passwords"),
        ({"integrations": ["paymints"]}, "integrations: paymints must be one of: payments"),
        ({"routes": [{"path": "app", "service": "web"}]}, "routes.0.path: must be the beginning of a path, such as"),
        ({"routes": [{"path": "/", "service": "web"}] * 2}, "routes: must name each only once: /"),
        ({"routes": [{"path": "/"}]}, "routes.0.service: is missing: it must be lowercase letters"),
        ({"adminPath": "//evil.example.com"}, 'adminPath: must be a path, such as "/admin", or empty'),
    ],
)
def test_an_invalid_engine_file_is_named_with_its_key(
    engines: Path, settings_with: Any, over: Any, message: str
) -> None:
    add_engine(engines, SERVICE, **over)
    (engines / "tiny" / "database.yaml").write_text("")
    with pytest.raises(ConfigurationError, match=f"tiny/engine.yaml: {message}"):
        settings_with(engines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping, beginning with title"),
        ("a: [", "did not find expected|expected the node content"),
        ("title: A\ntitle: B\n", "title must occur only once"),
        ("\udcff", "unacceptable character|invalid"),
    ],
)
def test_an_engine_file_that_is_not_a_mapping_is_named(
    engines: Path, settings_with: Any, text: str, message: str
) -> None:
    add_engine(engines, SERVICE)
    (engines / "tiny" / "engine.yaml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=f"(?s)({message}).*tiny/engine.yaml|tiny/engine.yaml.*({message})"):
        settings_with(engines)


@pytest.mark.parametrize("name", ["Tiny", "ladenü", "a shop", "a" * 41])
def test_a_folder_whose_name_no_store_can_use_is_rejected(engines: Path, settings_with: Any, name: str) -> None:
    add_engine(engines, SERVICE)
    (engines / "tiny").rename(engines / name)
    with pytest.raises(ConfigurationError, match=f"{name}/engine.yaml: must be lowercase letters, digits and dashes"):
        settings_with(engines)


@pytest.mark.parametrize(
    ("over", "manifest", "message"),
    [
        ({}, f"{SERVICE}---\n{SERVICE}", "two manifests define Service"),
        (
            {"routes": [{"path": "/", "service": "none"}]},
            SERVICE,
            "routes: no manifest defines the Service none; defined are: s-web",
        ),
        (
            {"components": ["web"]},
            SERVICE,
            "components: no manifest defines the Deployment or StatefulSet web; defined are: none",
        ),
    ],
)
def test_a_file_that_contradicts_its_manifests_prevents_the_start(
    engines: Path, settings_with: Any, over: Any, manifest: str, message: str
) -> None:
    add_engine(engines, manifest, **over)
    with pytest.raises(ConfigurationError, match=f"engine tiny 1, plan small: .*{message}"):
        check_templates(settings_with(engines))


def test_a_migration_without_a_job_prevents_the_start(engines: Path, settings_with: Any) -> None:
    (engines / "common" / "again.yaml").write_text(SERVICE.replace("-web", "-again"))
    migrate = {**SERVE, "role": "migrate", "condition": "Migrated", "manifests": ["common/again.yaml"]}
    add_engine(engines, SERVICE, stages=[SERVE, migrate])
    with pytest.raises(
        ConfigurationError, match="stages: Migrated has the role migrate, but its manifests define no Job"
    ):
        check_templates(settings_with(engines))


def test_an_engine_without_a_database_rejects_backups(engines: Path, settings_with: Any) -> None:
    add_engine(engines, SERVICE)
    backup = {"schedule": "0 3 * * *"}
    status = World(settings_with(engines), store(engine="tiny", backup=backup)).ask()["status"]
    assert ready(status) == (
        "NoBackups",
        "Accepted: Tiny keeps no data: remove spec.backup and spec.restoreFrom",
    )


@pytest.mark.parametrize(
    ("retired", "message"),
    [
        ({"shop": ["1.0"]}, "retiredVersions.shop: there is no such engine: choose from medusa, woocommerce"),
        ({"medusa": ["1.0"]}, "retiredVersions.medusa: medusa has no 1.0: remove it from the list"),
        ({"medusa": ["2.21.2", "2.20.1"]}, "retiredVersions.medusa: one of these must not be retired: 2.21.2, 2.20.1"),
    ],
)
def test_retiring_an_unknown_or_the_last_version_prevents_the_start(
    settings_with: Any, retired: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        settings_with(retiredVersions=retired)


def test_a_folder_without_engines_is_rejected(tmp_path: Path, settings_with: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"must hold at least one folder with an engine\.yaml"):
        settings_with(tmp_path)


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"domain": "not a domain"}, "domain"),
        ({"domain": "example.com\n"}, "domain"),
        ({"plans": {}}, "plans"),
        ({"typo": 1}, "typo.*Unknown field"),
        ({"progressDeadlineSeconds": 0}, "progressDeadlineSeconds"),
        ({"ingress": {"className": "nginx"}}, "namespace"),
    ],
)
def test_an_invalid_setting_is_named(settings_with: Any, over: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"settings.yaml is invalid: .*{message}"):
        settings_with(**over)


@pytest.mark.parametrize("quantity", ["1000m", "1000", "1024Mi", "0.5", "1 Gi", "1G", "1Gi\n", "", "-1"])
def test_a_quantity_that_is_not_canonical_is_rejected(settings_with: Any, quantity: str) -> None:
    plans = settings_of("hooks")["plans"]
    plans["small"]["quota"]["limits.memory"] = quantity
    with pytest.raises(ConfigurationError, match="as Kubernetes writes it back"):
        settings_with(plans=plans)


def test_without_a_root_key_the_error_says_how_to_create_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No such file.*head -c 32 /dev/urandom \| base64 >"):
        load_root_key(tmp_path / "root.key")


def test_a_short_root_key_is_rejected_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_text("too short")
    with pytest.raises(ConfigurationError, match="at least 32 bytes") as error:
        load_root_key(tmp_path / "root.key")
    assert "too short" not in str(error.value)


@pytest.mark.parametrize("text", ["", "short"])
def test_a_token_file_without_a_token_is_rejected(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        load_token(tmp_path / "token")


@pytest.mark.parametrize("content", [None, "a: [", "text"])
def test_a_settings_file_that_is_not_a_mapping_is_named(tmp_path: Path, root_key: Path, content: str | None) -> None:
    file = tmp_path / "settings.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"settings\.yaml"):
        load_settings(file, ENGINES, root_key)
