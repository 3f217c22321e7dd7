"""Decide what of an observed object is always kept: data, passwords, volumes, and what was applied before."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from storeplatform.common.objects import GROUP

from .objects import LAST_APPLIED, Key, Object, dig
from .render import Manifest

# Kinds that hold an owner's data, or the keys to it. They are removed only together with the store.
PROTECTED = {"Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"}

# Objects with this label hold no data of the owner, and do not access it.
DISPOSABLE = f"{GROUP}/disposable"

UNITS = {"": 1, "m": 0.001, "k": 1000, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def protected(key: Key, seen: Object) -> bool:
    """Whether the object must not be removed before the store is deleted."""
    return key.kind in PROTECTED and not disposable(seen)


def disposable(seen: Object) -> bool:
    """Whether the object neither holds the owner's data nor accesses it."""
    label: Any = dig(seen, "metadata", "labels", DISPOSABLE)
    return bool(label == "true")


def update(manifest: Manifest, seen: Object, expandable: bool, notes: list[str], rolling: bool = False) -> Object:
    """Return the manifest, with the observed values of what must not change.

    :param expandable: whether volumes can grow.
    :param notes: receives a line for each value that differs from what the spec asks for.
    :param rolling: whether pods of the previous plan may still exist.
    """
    if manifest.key.kind == "ResourceQuota" and rolling:
        return _roomy_quota(manifest, seen)
    if manifest.key.kind == "Secret" and not disposable(manifest.body):
        return _kept_secret(manifest, seen)
    if manifest.key.kind == "PersistentVolumeClaim":
        return _grown_claim(manifest, seen) if expandable else _fixed_claim(manifest, seen, notes)
    return manifest.body


def as_applied(seen: Object) -> Object:
    """Return the object as it was last applied, so that a response with it changes nothing."""
    metadata = seen["metadata"]
    try:
        applied = orjson.loads(dig(metadata, "annotations", LAST_APPLIED) or "null")
    except (orjson.JSONDecodeError, TypeError):
        applied = None
    if not isinstance(dig(applied, "metadata"), dict):
        applied = {"metadata": {"labels": metadata.get("labels")}}
    identity = {name: metadata[name] for name in ("name", "namespace") if name in metadata}
    return {
        **applied,
        "apiVersion": seen["apiVersion"],
        "kind": seen["kind"],
        "metadata": {**applied["metadata"], **identity},
    }


def _kept_secret(manifest: Manifest, seen: Object) -> Object:
    """Keep a Secret's data, so that a restored cluster keeps its passwords.

    Metacontroller removes fields that it applied before and that are no longer in the response, so the fields in its
    annotation are repeated. If a policy strips that annotation from Secrets, the data can be omitted.
    """
    body = {name: value for name, value in manifest.body.items() if name != "data"}
    if dig(as_applied(seen), "data") is not None:
        body["data"] = seen.get("data") or {}
    return body


def _grown_claim(manifest: Manifest, seen: Object) -> Object:
    """Request the larger of the observed and the desired size: volumes never shrink."""
    asked, wanted = _storage(seen), _storage(manifest.body)
    if _amount(asked) <= _amount(wanted):
        return manifest.body
    body = copy.deepcopy(manifest.body)
    body["spec"]["resources"]["requests"]["storage"] = asked
    return body


def _roomy_quota(manifest: Manifest, seen: Object) -> Object:
    """Use the larger of each old and new limit: while pods of the old plan are replaced one by one, a smaller quota
    would reject the new ones.
    """
    hard, old = manifest.body["spec"]["hard"], dig(seen, "spec", "hard")
    larger = {name: max(limit, str(dig(old, name)), key=_amount) for name, limit in hard.items() if dig(old, name)}
    return {**manifest.body, "spec": {**manifest.body["spec"], "hard": {**hard, **larger}}}


def _fixed_claim(manifest: Manifest, seen: Object, notes: list[str]) -> Object:
    """Keep a claim's size where it can't grow: a larger request would be rejected at each sync, together with all later
    changes.
    """
    asked, wanted = _storage(seen), _storage(manifest.body)
    if _amount(asked) < _amount(wanted):
        notes.append(f"{manifest.key} stays at {asked} instead of {wanted}, since volumes of this cluster can't grow")
    return as_applied(seen)


def _storage(claim: Object) -> str:
    return str(dig(claim, "spec", "resources", "requests", "storage"))


def _amount(quantity: str) -> float:
    """Return a quantity as a number. An unknown unit, which we never write, counts as larger than any known one."""
    number = quantity.rstrip("kmKMGTi")
    unit = UNITS.get(quantity.removeprefix(number))
    return int(number) * unit if unit and number.isascii() and number.isdigit() else float("inf")
