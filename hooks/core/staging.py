"""What is desired now: one stage after another, and nothing taken away that is there.

A stage's objects are asked for once all earlier stages are as they should be. Objects of later stages that
are there already stay as they were last applied, so a shop goes on serving while an earlier stage is mended.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from .progress import Blocker, blocker
from .render import REVISION, Manifest, Stage
from .request import LAST_APPLIED, Key, Object, dig

# What holds an owner's data, or the keys to it. Never dropped but with the store.
PROTECTED = {"Namespace", "PersistentVolumeClaim", "Secret", "StatefulSet"}


@dataclass
class Plan:
    """``children`` to answer with; ``blockers``: what keeps each condition from holding, in order of making,
    None where nothing does."""

    children: list[Object] = field(default_factory=list)
    blockers: dict[str, Blocker | None] = field(default_factory=dict)

    @property
    def first_blocked(self) -> tuple[str, Blocker] | None:
        """The first condition that does not hold, with why."""
        return next(((name, found) for name, found in self.blockers.items() if found), None)


def plan(stages: tuple[Stage, ...], observed: Mapping[Key, Object]) -> Plan:
    """Walk the stages. Every rendered object is answered, kept or held back; the protected are always kept."""
    result = Plan()
    answered = set()
    for stage in stages:
        waits_for = result.first_blocked
        found: Blocker | None = None
        for manifest in stage.manifests:
            seen = observed.get(manifest.key)
            answered.add(manifest.key)
            if waits_for is None:
                result.children.append(manifest.body if seen is None else update(manifest, seen))
            elif seen is not None:
                result.children.append(as_applied(seen))
            found = found or _blocker(manifest, seen, waits_for)
        result.blockers[stage.condition] = result.blockers.get(stage.condition) or found
    result.children += keep_protected({key: seen for key, seen in observed.items() if key not in answered})
    return result


def keep_protected(observed: Mapping[Key, Object]) -> list[Object]:
    """What must stay of objects that no template names any more."""
    return [as_applied(seen) for key, seen in observed.items() if key.kind in PROTECTED]


def update(manifest: Manifest, seen: Object) -> Object:
    """The manifest, but for what must stay as it is observed."""
    if manifest.key.kind == "Secret":
        return _kept_secret(manifest, seen)
    if manifest.key.kind == "PersistentVolumeClaim":
        return _grown_claim(manifest, seen)
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


def _blocker(manifest: Manifest, seen: Object | None, waits_for: tuple[str, Blocker] | None) -> Blocker | None:
    if seen is None:
        if waits_for:
            return Blocker("Waiting", f"waits for {waits_for[0]}")
        return Blocker("Creating", f"{manifest.key} is being made")
    found = blocker(manifest.key, seen)
    if found is None and dig(seen, "metadata", "annotations", REVISION) != manifest.revision:
        return Blocker("Updating", f"{manifest.key} is being changed")
    return found


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
    asked = dig(seen, "spec", "resources", "requests", "storage")
    wanted = manifest.body["spec"]["resources"]["requests"]["storage"]
    if not isinstance(asked, str) or _gibibytes(asked) <= _gibibytes(wanted):
        return manifest.body
    body = copy.deepcopy(manifest.body)
    body["spec"]["resources"]["requests"]["storage"] = asked
    return body


def _gibibytes(quantity: str) -> float:
    """A canonical storage quantity in Gi. One in a unit we never write counts as larger than any of ours."""
    for unit, size in (("Gi", 1), ("Ti", 1024)):
        if quantity.endswith(unit) and quantity.removesuffix(unit).isdigit():
            return int(quantity.removesuffix(unit)) * size
    return float("inf")
