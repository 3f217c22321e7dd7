"""What no answer may do, whatever the templates or the code above say. Metacontroller obeys every answer:
a child left out is a child deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from storeplatform.common.objects import STORE_LABEL, namespace_of

from .objects import Key, Object, dig, identified
from .render import CLUSTER_SCOPED
from .request import SyncRequest
from .retention import protected


class GuardError(Exception):
    """An answer would do harm and is not given. The message names the object and the rule, and no content."""


def check(request: SyncRequest, children: Iterable[Any]) -> None:
    """Let the answer pass, or raise GuardError: then Metacontroller changes nothing and asks again."""
    name = request.parent["metadata"]["name"]
    answered = set()
    for child in children:
        if not identified(child):
            raise GuardError("a child must be an object with apiVersion, kind and metadata.name")
        key = Key.of(child)
        if key in answered:
            raise GuardError(f"{key} is answered twice: a template must name each object once")
        answered.add(key)
        _check_place(key, child, name)
    lost = [key for key, seen in request.observed.items() if protected(key, seen) and key not in answered]
    if lost:
        raise GuardError(f"{min(lost)} exists and must stay until the store is deleted, but the answer drops it")


def _check_place(key: Key, child: Object, store: str) -> None:
    namespace = namespace_of(store)
    place = key.name if key.kind == "Namespace" else key.namespace
    if place != ("" if key.kind in CLUSTER_SCOPED - {"Namespace"} else namespace):
        raise GuardError(f"{key} must be in the namespace {namespace}")
    if dig(child, "metadata", "labels", STORE_LABEL) != store:
        raise GuardError(f"{key} must carry the label {STORE_LABEL}={store}")
