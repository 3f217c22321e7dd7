"""Check every response against rules that hold whatever the templates or the core compute.

Metacontroller applies every response: a child that is missing from it is deleted.
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
    """A response would do damage, so it is not sent. The message names the object and the rule, but no content."""


def check(request: SyncRequest, children: Iterable[Any]) -> None:
    """Raise GuardError if the response breaks a rule. Metacontroller then changes nothing and retries."""
    name = request.parent["metadata"]["name"]
    answered = set()
    for child in children:
        if not identified(child):
            raise GuardError("a child must be an object with apiVersion, kind and metadata.name")
        key = Key.of(child)
        if key in answered:
            raise GuardError(f"{key} is in the response twice: a template must name each object once")
        answered.add(key)
        _check_place(key, child, name)
    lost = [key for key, seen in request.observed.items() if protected(key, seen) and key not in answered]
    if lost:
        raise GuardError(f"{min(lost)} exists and must stay until the store is deleted, but the response drops it")


def _check_place(key: Key, child: Object, store: str) -> None:
    namespace = namespace_of(store)
    place = key.name if key.kind == "Namespace" else key.namespace
    if place != ("" if key.kind in CLUSTER_SCOPED - {"Namespace"} else namespace):
        raise GuardError(f"{key} must be in the namespace {namespace}")
    if dig(child, "metadata", "labels", STORE_LABEL) != store:
        raise GuardError(f"{key} must carry the label {STORE_LABEL}={store}")
