"""A rendered container as a process of this machine: its very command, arguments and environment.

What Kubernetes does with them is done here as it does it
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container). There is no mount and no
name service: a mount's path and a host's name are replaced by what stands for them here, where a manifest says them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Container = dict[str, Any]

# "$$" is a dollar; "$(NAME)" is a variable that was named before, or stays as it is.
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


@dataclass(frozen=True)
class Surroundings:
    """What a pod finds around it. ``secrets``: values by key, by Secret. ``volumes``: the folder of each volume by
    its name in the pod. ``hosts``: by "name" or "name:port" what answers for it here, in the same form."""

    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    volumes: Mapping[str, Path] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """What a container gets from its image where its manifest is silent."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """What to run: ``arguments`` with the program as the first, and the whole environment."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]


def execution(container: Container, around: Surroundings, image: Image | None = None) -> Execution:
    """What a kubelet would run.

    :raise LookupError: a Secret, a key of one or a volume is missing, or a value comes from where nothing is known of.
    """
    image = image or Image()
    place = _placer(_folders(container, around), around.hosts)
    env = dict(image.env)
    for variable in container.get("env", []):
        if "valueFrom" not in variable:
            env[variable["name"]] = _expanded(place(variable.get("value", "")), env)
        elif (value := _from_secret(variable, around)) is not None:
            env[variable["name"]] = value
    # A manifest's command takes the place of both of the image's.
    program = container.get("command") or image.entrypoint
    rest = container.get("args") or (() if container.get("command") else image.command)
    return Execution(tuple(_expanded(place(text), env) for text in (*program, *rest)), env)


def _placer(folders: Mapping[str, str], hosts: Mapping[str, str]) -> Callable[[str], str]:
    """Puts this machine's folders and hosts into a text, the longest name first, and only where a name is whole."""
    here = {**folders, **hosts}
    names = [rf"(?<![\w./-]){re.escape(name)}" for name in sorted(folders, key=len, reverse=True)]
    names += [rf"(?<![\w.-]){re.escape(name)}" for name in sorted(hosts, key=len, reverse=True)]
    pattern = re.compile(rf"(?:{'|'.join(names)})(?![\w.-])") if names else re.compile(r"(?!)")
    return lambda text: pattern.sub(lambda found: here[found[0]], text)


def _folders(container: Container, around: Surroundings) -> dict[str, str]:
    found = {}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in around.volumes:
            raise LookupError(f"{container['name']} mounts the volume {mount['name']}: give a folder for it")
        found[mount["mountPath"]] = str(around.volumes[mount["name"]] / mount.get("subPath", ""))
    return found


def _from_secret(variable: dict[str, Any], around: Surroundings) -> str | None:
    """The value; None where there is none and need not be."""
    reference = variable["valueFrom"].get("secretKeyRef")
    if not reference:
        source = ", ".join(variable["valueFrom"])
        raise LookupError(f"{variable['name']} comes from {source}: only secretKeyRef can be had here")
    name, key = reference["name"], reference["key"]
    value = around.secrets.get(name, {}).get(key)
    if value is None and not reference.get("optional"):
        raise LookupError(f"{variable['name']} comes from the key {key} of the Secret {name}, and there is none")
    return value


def _expanded(text: str, env: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else env.get(found[1], found[0]), text)
