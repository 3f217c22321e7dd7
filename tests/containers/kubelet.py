"""Compute a container's command and environment from its manifest, as a kubelet does.

The rules: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .image import Image

Container = dict[str, Any]

# "$$" is a dollar sign; "$(NAME)" is a variable that was defined before; otherwise it stays as it is.
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


def environment(container: Container, image: Image, secrets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return its variables. ``secrets``: values by key, by the Secret's name.

    :raise LookupError: a Secret or one of its keys is missing, or a value comes from an unsupported source.
    """
    env = dict(image.env)
    for variable in container.get("env", []):
        if "valueFrom" not in variable:
            env[variable["name"]] = _expanded(variable.get("value", ""), env)
        elif (value := _from_secret(variable, secrets)) is not None:
            env[variable["name"]] = value
    return env


def command_line(container: Container, image: Image, env: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. A manifest's command replaces both of the image's."""
    program = container.get("command") or image.entrypoint
    rest = container.get("args") or ([] if container.get("command") else image.command)
    return [_expanded(text, env) for text in (*program, *rest)]


def _from_secret(variable: dict[str, Any], secrets: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return the value; None if it is missing and optional."""
    reference = variable["valueFrom"].get("secretKeyRef")
    if not reference:
        source = ", ".join(variable["valueFrom"])
        raise LookupError(f"{variable['name']} comes from {source}: only secretKeyRef can be had here")
    name, key = reference["name"], reference["key"]
    value = secrets.get(name, {}).get(key)
    if value is None and not reference.get("optional"):
        raise LookupError(f"{variable['name']} comes from the key {key} of the Secret {name}, and there is none")
    return value


def _expanded(text: str, env: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else env.get(found[1], found[0]), text)
