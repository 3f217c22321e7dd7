"""A store's objects created by a kopf operator, stage by stage, each once the previous one is ready.

Run by rate.py, with TWIN_SHAPE naming the file of the objects.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import kopf

from tests.cluster.client import Client, Object

GROUP, VERSION = "bench.platform.urumi.dev", "v1"
API = f"{GROUP}/{VERSION}"
# The name of the store in the shape's file. Nothing else in it has that name.
EXAMPLE = "example-of-a-store"
THREADS = 20
CRD: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"twins.{GROUP}"},
    "spec": {
        "group": GROUP,
        "names": {"kind": "Twin", "plural": "twins", "singular": "twin"},
        "scope": "Cluster",
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def named(shape: str, name: str) -> list[list[Object]]:
    """Return the objects of a store of that name, by stage."""
    return list(json.loads(shape.replace(EXAMPLE, name)))


def create_all(client: Client, stages: Iterable[Iterable[Object]]) -> None:
    """Create the objects of these stages one after the other."""
    for stage in stages:
        for each in stage:
            client.create(each)


def ready(client: Client, obj: Object) -> bool:
    """Whether an object is ready, for kinds where that takes time."""
    metadata = obj["metadata"]
    seen = client.get(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace", ""))
    return does_its_work(obj["kind"], seen)


def does_its_work(kind: str, seen: Object) -> bool:
    """The same for an observed object."""
    status = seen.get("status", {})
    if kind == "Job":
        return any(each["type"] == "Complete" and each["status"] == "True" for each in status.get("conditions", []))
    if kind in ("Deployment", "StatefulSet"):
        return bool(status.get("availableReplicas", 0) >= seen["spec"]["replicas"])
    return True


@cache
def _client() -> Client:
    return Client.from_kubeconfig(Path(os.environ["KUBECONFIG"]))


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Use as many concurrent handlers as the comparison, and no events."""
    settings.execution.max_workers = THREADS
    settings.posting.enabled = False


@kopf.on.create(GROUP, VERSION, "twins")
def made(name: str, patch: kopf.Patch, **_: Any) -> None:
    """Create a store's objects."""
    for stage in named(Path(os.environ["TWIN_SHAPE"]).read_text(), name):
        create_all(_client(), [stage])
        waiting = [each for each in stage if each["kind"] in ("Job", "Deployment", "StatefulSet")]
        while waiting := [each for each in waiting if not ready(_client(), each)]:
            time.sleep(0.1)
    patch.status["ready"] = True
