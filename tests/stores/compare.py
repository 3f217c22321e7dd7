"""Compare objects without what differs each time they are created."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from tests.cluster.client import Object

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"

# Fields that the API server or a controller sets for one instance of an object.
MADE = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
CONTROLLERS_ANNOTATIONS = ("deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.", "batch.kubernetes.io/")


def comparable(obj: Object, with_data: bool = True) -> Object:
    """Return what the platform applied, with defaults.

    ``with_data``: also a Secret's data, which depends on the Store's UID and so differs when the Store is created
    again.
    """
    result = copy.deepcopy(obj)
    result.pop("status", None)
    metadata = result["metadata"]
    for name in MADE:
        metadata.pop(name, None)
    metadata["labels"].pop("controller-uid", None)
    for reference in metadata.get("ownerReferences", []):
        reference.pop("uid")
    annotations = metadata.get("annotations", {})
    for name in list(annotations):
        if name.startswith(CONTROLLERS_ANNOTATIONS):
            del annotations[name]
    if LAST_APPLIED in annotations:
        applied = json.loads(annotations[LAST_APPLIED])
        applied["metadata"]["labels"].pop("controller-uid", None)
        annotations[LAST_APPLIED] = applied
    if result["kind"] == "Secret" and not with_data:
        result["data"] = sorted(result.get("data", {}))
    _forget_given_values(result)
    return result


def by_identity(objects: Iterable[Object], with_data: bool = True) -> dict[str, Object]:
    """Return comparable objects by "Kind name"."""
    return {f"{obj['kind']} {obj['metadata']['name']}": comparable(obj, with_data) for obj in objects}


def _forget_given_values(obj: Object) -> None:
    """Remove addresses, volumes and selectors that a controller chose."""
    spec: Any = obj.get("spec", {})
    if obj["kind"] == "Service" and spec["clusterIP"] != "None":
        del spec["clusterIP"], spec["clusterIPs"]
    if obj["kind"] == "PersistentVolumeClaim":
        spec.pop("volumeName", None)
    if obj["kind"] == "Job":
        del spec["selector"]
        for name in ("batch.kubernetes.io/controller-uid", "controller-uid"):
            spec["template"]["metadata"]["labels"].pop(name, None)
