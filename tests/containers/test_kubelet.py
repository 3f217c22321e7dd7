"""A container's command and environment are computed as a kubelet would."""

from __future__ import annotations

from typing import Any

import pytest

from .image import Image
from .kubelet import command_line, environment

BARE = Image({}, ["entry"])
SECRETS = {"credentials": {"password": "$(A) secret"}}


def env_of(*variables: dict[str, Any]) -> dict[str, str]:
    return environment({"name": "c", "env": list(variables)}, BARE, SECRETS)


def test_a_variable_may_refer_to_those_before_it() -> None:
    first, second = {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}
    assert env_of(first, second) == {"A": "1", "B": "12"}
    assert env_of(second, first) == {"A": "1", "B": "$(A)2"}


@pytest.mark.parametrize(("text", "value"), [("$$(A)", "$(A)"), ("$A", "$A"), ("$(NONE)", "$(NONE)"), ("$$$(A)", "$1")])
def test_only_a_name_in_parentheses_after_one_dollar_is_a_reference(text: str, value: str) -> None:
    assert env_of({"name": "A", "value": "1"}, {"name": "B", "value": text})["B"] == value


def test_a_secrets_value_is_taken_literally() -> None:
    reference = {"secretKeyRef": {"name": "credentials", "key": "password"}}
    password = {"name": "PASSWORD", "valueFrom": reference}
    assert env_of({"name": "A", "value": "1"}, password, {"name": "URL", "value": "//u:$(PASSWORD)@database/"}) == {
        "A": "1",
        "PASSWORD": "$(A) secret",
        "URL": "//u:$(A) secret@database/",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"secretKeyRef": {"name": "other", "key": "password"}}, "Secret other"),
        ({"secretKeyRef": {"name": "credentials", "key": "other"}}, "key other"),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "fieldRef"),
    ],
)
def test_a_missing_value_is_an_error_that_names_it(source: dict[str, Any], words: str) -> None:
    with pytest.raises(LookupError, match=words):
        env_of({"name": "A", "valueFrom": source})


def test_a_missing_optional_value_is_omitted() -> None:
    assert env_of({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}) == {}


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ({}, ["entry", "serve"]),
        ({"args": ["migrate"]}, ["entry", "migrate"]),
        ({"command": ["sh"]}, ["sh"]),
        ({"command": ["sh"], "args": ["-c", "$(A)"]}, ["sh", "-c", "1"]),
    ],
)
def test_what_the_manifest_omits_comes_from_the_image(said: dict[str, Any], arguments: list[str]) -> None:
    image = Image({}, ["entry"], ["serve"], {"PATH": "/bin"})
    container = {"name": "c", "env": [{"name": "A", "value": "1"}], **said}
    env = environment(container, image, {})
    assert env == {"PATH": "/bin", "A": "1"}
    assert command_line(container, image, env) == arguments
