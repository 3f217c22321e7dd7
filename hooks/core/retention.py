"""What of an observed object stays, whatever is desired: data, passwords, volumes, and what was applied before."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from storeplatform.common.objects import GROUP

from .objects import LAST_APPLIED, Key, Object, dig
from .render import Manifest

# What holds an owner's data, or the keys to it. Never dropped but with the store.
PROTECTED = {"Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"}

# What says so holds nothing of the owner's, and does not touch it.
DISPOSABLE = f"{GROUP}/disposable"

UNITS = {"": 1, "m": 0.001, "k": 1000, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def protected(key: Key, seen: Object) -> bool:
    """Whether the object may go only with its store."""
    return key.kind in PROTECTED and not disposable(seen)


def disposable(seen: Object) -> bool:
    """Whether the object neither holds anything of the owner's nor works on it."""
    label: Any = dig(seen, "metadata", "labels", DISPOSABLE)
    return bool(label == "true")


def update(manifest: Manifest, seen: Object, expandable: bool, notes: list[str], rolling: bool = False) -> Object:
    """The manifest, but for what must stay as it is observed.

    :param expandable: whether a volume can grow. :param notes: gets a line for what stays otherwise than wanted.
    :param rolling: whether there may still be pods of another plan.
    """
    if manifest.key.kind == "ResourceQuota" and rolling:
        return _roomy_quota(manifest, seen)
    if manifest.key.kind == "Secret" and not disposable(manifest.body):
        return _kept_secret(manifest, seen)
    if manifest.key.kind == "PersistentVolumeClaim":
        return _grown_claim(manifest, seen) if expandable else _fixed_claim(manifest, seen, notes)
    return manifest.body


def as_applied(seen: Object) -> Object:
    """The observed object as it was last asked for, so that answering with it changes nothing."""
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
    """A Secret's data stays what it is, so a restored cluster keeps its passwords.

    Metacontroller removes what it applied before and is not asked for now, so what its annotation holds is
    asked for again. Where a policy strips that annotation of secrets, the data need not be said at all.
    """
    body = {name: value for name, value in manifest.body.items() if name != "data"}
    if dig(as_applied(seen), "data") is not None:
        body["data"] = seen.get("data") or {}
    return body


def _grown_claim(manifest: Manifest, seen: Object) -> Object:
    """A claim asks for the larger of what it has asked for and what is wanted: volumes never shrink."""
    asked, wanted = _storage(seen), _storage(manifest.body)
    if _amount(asked) <= _amount(wanted):
        return manifest.body
    body = copy.deepcopy(manifest.body)
    body["spec"]["resources"]["requests"]["storage"] = asked
    return body


def _roomy_quota(manifest: Manifest, seen: Object) -> Object:
    """The larger of each old and new limit. The old plan's pods are replaced one after the other, and a smaller quota
    would refuse the first that comes for those that have not gone yet."""
    hard, old = manifest.body["spec"]["hard"], dig(seen, "spec", "hard")
    larger = {name: max(limit, str(dig(old, name)), key=_amount) for name, limit in hard.items() if dig(old, name)}
    return {**manifest.body, "spec": {**manifest.body["spec"], "hard": {**hard, **larger}}}


def _fixed_claim(manifest: Manifest, seen: Object, notes: list[str]) -> Object:
    """A claim stays what it is. Asking for more would be refused at each sync, and the rest with it."""
    asked, wanted = _storage(seen), _storage(manifest.body)
    if _amount(asked) < _amount(wanted):
        notes.append(f"{manifest.key} stays at {asked} instead of {wanted}, since volumes of this cluster can't grow")
    return as_applied(seen)


def _storage(claim: Object) -> str:
    return str(dig(claim, "spec", "resources", "requests", "storage"))


def _amount(quantity: str) -> float:
    """What a canonical quantity amounts to. One in a unit we never write counts as larger than any of ours."""
    number = quantity.rstrip("kmKMGTi")
    unit = UNITS.get(quantity.removeprefix(number))
    return int(number) * unit if unit and number.isascii() and number.isdigit() else float("inf")
