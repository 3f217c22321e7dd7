"""Engines and settings are data: adding one changes no Python, a wrong one is named at start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from storeplatform.hooks.app import check_templates, load_token
from storeplatform.hooks.core import RenderError, render
from storeplatform.hooks.core.store import accept
from storeplatform.hooks.settings import ConfigurationError, load_root_key, load_settings
from storeplatform.templates import ENGINES
from tests.values import settings_of

from .world import World, store


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """A copy of the shipped engines that a test may add to."""
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
        "stages": [
            {"condition": "NamespaceReady", "manifests": ["common/namespace.yaml"]},
            {"condition": "BackendReady", "manifests": ["tiny/web.yaml"]},
        ],
    }
    (folder / "engine.yaml").write_text(yaml.safe_dump({**engine, **over}))


SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ store.name ~ '-web' }}\n"


def test_a_folder_with_an_engine_file_is_an_engine(engines: Path, settings_with: Any) -> None:
    add_engine(engines, SERVICE)
    status = World(settings_with(engines), store(engine="tiny")).settle()["status"]
    assert status["phase"] == "Ready"
    assert [c["type"] for c in status["conditions"]] == [
        "Accepted",
        "NamespaceReady",
        "BackendReady",
        "Progressing",
        "Ready",
    ]
    assert "adminURL" not in status


def test_the_choices_of_an_unknown_engine_are_the_folders_there_are(engines: Path, settings_with: Any) -> None:
    add_engine(engines, SERVICE)
    (refused,) = [
        c["message"]
        for c in World(settings_with(engines), store(engine="none")).ask()["status"]["conditions"]
        if c["type"] == "Accepted"
    ]
    assert refused == "spec.engine must be one of medusa, tiny, woocommerce: edit the Store to choose one"


def test_an_empty_yaml_document_makes_no_child(engines: Path, settings_with: Any) -> None:
    add_engine(engines, f"---\n---\n{SERVICE}---\n# nothing\n---\n")
    assert len(World(settings_with(engines), store(engine="tiny")).settle()["children"]) == 2


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("a: [", "the template tiny/web.yaml must give YAML, but what it gave is none: line 2: "),
        ("just text", "the template tiny/web.yaml must give objects with kind and metadata.name only"),
        ("kind: Service", "the template tiny/web.yaml must give objects with kind and metadata.name only"),
    ],
)
def test_a_template_that_gives_no_objects_is_named(
    engines: Path, settings_with: Any, manifest: str, message: str
) -> None:
    add_engine(engines, manifest)
    settings = settings_with(engines)
    with pytest.raises(RenderError) as error:
        render(settings, accept(World(settings, store(engine="tiny")).request(), settings)[0])
    assert str(error.value).startswith(message)


def test_a_template_that_asks_for_what_there_is_not_stops_the_start(engines: Path, settings_with: Any) -> None:
    add_engine(engines, "name: {{ store.nothing }}")
    with pytest.raises(ConfigurationError, match=r"engine tiny 1, plan small: .*has no attribute 'nothing'"):
        check_templates(settings_with(engines))


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"versions": {}}, "versions"),
        ({"stages": []}, "stages"),
        ({"stages": [{"condition": "Ready!", "manifests": ["tiny/web.yaml"]}]}, "condition"),
        ({"stages": [{"condition": "Made", "manifests": ["tiny/none.yaml"]}]}, "missing: .*tiny/none.yaml"),
        ({"components": "backend"}, "components"),
    ],
)
def test_a_wrong_engine_file_is_named(engines: Path, settings_with: Any, over: Any, message: str) -> None:
    add_engine(engines, SERVICE, **over)
    with pytest.raises(ConfigurationError, match=f"tiny/engine.yaml.*{message}"):
        settings_with(engines)


def test_a_folder_without_engines_is_refused(tmp_path: Path, settings_with: Any) -> None:
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
def test_a_wrong_setting_is_named(settings_with: Any, over: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"settings.yaml must be mended: .*{message}"):
        settings_with(**over)


@pytest.mark.parametrize("quantity", ["1000m", "1024Mi", "0.5", "1 Gi", "1G", "1Gi\n", "", "-1"])
def test_a_quantity_the_api_server_would_write_otherwise_is_refused(settings_with: Any, quantity: str) -> None:
    plans = settings_of("hooks")["plans"]
    plans["small"]["quota"]["limits.memory"] = quantity
    with pytest.raises(ConfigurationError, match="as Kubernetes writes it back"):
        settings_with(plans=plans)


def test_without_a_root_key_the_start_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No such file.*head -c 32 /dev/urandom \| base64 >"):
        load_root_key(tmp_path / "root.key")


def test_a_short_root_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_text("too short")
    with pytest.raises(ConfigurationError, match="at least 32 bytes") as error:
        load_root_key(tmp_path / "root.key")
    assert "too short" not in str(error.value)


@pytest.mark.parametrize("text", ["", "short"])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigurationError, match="at least 16 characters"):
        load_token(tmp_path / "token")


@pytest.mark.parametrize("content", [None, "a: [", "text"])
def test_a_settings_file_that_is_no_mapping_is_named(tmp_path: Path, root_key: Path, content: str | None) -> None:
    file = tmp_path / "settings.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=r"settings\.yaml"):
        load_settings(file, ENGINES, root_key)
