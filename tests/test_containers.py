"""A container's command and environment come out as a kubelet would make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .containers import Execution, Image, Surroundings, execution


def env_of(variables: list[dict[str, Any]], around: Surroundings | None = None) -> dict[str, str]:
    return dict(execution({"name": "c", "env": variables}, around or Surroundings()).env)


def test_a_variable_is_made_of_those_before_it() -> None:
    first, second = {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}
    assert env_of([first, second]) == {"A": "1", "B": "12"}
    assert env_of([second, first]) == {"A": "1", "B": "$(A)2"}


@pytest.mark.parametrize(("text", "value"), [("$$(A)", "$(A)"), ("$A", "$A"), ("$(NONE)", "$(NONE)"), ("$$$(A)", "$1")])
def test_only_a_name_in_parentheses_after_one_dollar_is_a_reference(text: str, value: str) -> None:
    assert env_of([{"name": "A", "value": "1"}, {"name": "B", "value": text}])["B"] == value


def test_a_secrets_value_is_taken_as_it_is() -> None:
    around = Surroundings(secrets={"credentials": {"password": "$(A) database"}}, hosts={"database": "127.0.0.2"})
    reference = {"secretKeyRef": {"name": "credentials", "key": "password"}}
    variables = [{"name": "A", "value": "1"}, {"name": "PASSWORD", "valueFrom": reference}]
    assert env_of([*variables, {"name": "URL", "value": "//u:$(PASSWORD)@database/"}], around) == {
        "A": "1",
        "PASSWORD": "$(A) database",
        "URL": "//u:$(A) database@127.0.0.2/",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"secretKeyRef": {"name": "other", "key": "password"}}, "Secret other"),
        ({"secretKeyRef": {"name": "credentials", "key": "other"}}, "key other"),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "fieldRef"),
    ],
)
def test_a_value_that_nothing_gives_is_an_error_that_names_it(source: dict[str, Any], words: str) -> None:
    around = Surroundings(secrets={"credentials": {"password": "secret"}})
    with pytest.raises(LookupError, match=words):
        env_of([{"name": "A", "valueFrom": source}], around)


def test_an_optional_value_that_nothing_gives_is_left_out() -> None:
    assert env_of([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}]) == {}


def test_a_mounts_path_is_its_volumes_folder_where_it_is_said_and_nowhere_else() -> None:
    container = {
        "name": "c",
        "command": ["run", "/data/x", "--to=/data", "/database", "/other/data", "https://shop/data"],
        "volumeMounts": [
            {"name": "v", "mountPath": "/data", "subPath": "sub"},
            {"name": "d", "mountPath": "/data/deep"},
        ],
        "env": [{"name": "DEEP", "value": "/data/deep"}],
    }
    ran = execution(container, Surroundings(volumes={"v": Path("/v"), "d": Path("/d")}))
    assert ran.arguments == ("run", "/v/sub/x", "--to=/v/sub", "/database", "/other/data", "https://shop/data")
    assert ran.env == {"DEEP": "/d"}


def test_a_mount_without_a_folder_is_an_error_that_names_the_volume() -> None:
    with pytest.raises(LookupError, match="the volume v"):
        execution({"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/data"}]}, Surroundings())


def test_a_host_is_replaced_where_it_is_a_whole_name() -> None:
    around = Surroundings(hosts={"database": "127.0.0.2", "backend:9000": "127.0.0.1:41000"})
    container = {
        "name": "c",
        "args": [
            "u@database:5432/x",
            "database",
            "my-database",
            "database.local",
            "http://backend:9000/x",
            "backend:90001",
        ],
    }
    assert execution(container, around).arguments == (
        "u@127.0.0.2:5432/x", "127.0.0.2", "my-database", "database.local", "http://127.0.0.1:41000/x", "backend:90001",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ({}, ("entry", "serve")),
        ({"args": ["migrate"]}, ("entry", "migrate")),
        ({"command": ["sh"]}, ("sh",)),
        ({"command": ["sh"], "args": ["-c", "$(A)"]}, ("sh", "-c", "1")),
    ],
)
def test_what_the_manifest_leaves_out_is_the_images(said: dict[str, Any], arguments: tuple[str, ...]) -> None:
    image = Image(entrypoint=("entry",), command=("serve",), env={"PATH": "/bin"})
    container = {"name": "c", "env": [{"name": "A", "value": "1"}], **said}
    assert execution(container, Surroundings(), image) == Execution(arguments, {"PATH": "/bin", "A": "1"})
