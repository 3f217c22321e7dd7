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
    None where nothing does; ``notes``: what is not as the spec says and never will be, as sentences' ends."""

    children: list[Object] = field(default_factory=list)
    blockers: dict[str, Blocker | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def first_blocked(self) -> tuple[str, Blocker] | None:
        """The first condition that does not hold, with why."""
        return next(((name, found) for name, found in self.blockers.items() if found), None)


def plan(stages: tuple[Stage, ...], observed: Mapping[Key, Object], expandable: bool) -> Plan:
    """Walk the stages. Every rendered object is answered, kept or held back; the protected are always kept.

    :param expandable: whether a volume can grow.
    """
    result = Plan()
    answered = set()
    for stage in stages:
        waits_for = result.first_blocked
        blocked: Blocker | None = None
        for manifest in stage.manifests:
            seen = observed.get(manifest.key)
            answered.add(manifest.key)
            if seen is None:
                if waits_for is None:
                    result.children.append(manifest.body)
                found: Blocker | None = _missing(manifest, waits_for)
            else:
                wanted = _update(manifest, seen, expandable, result.notes)
                result.children.append(wanted if waits_for is None else as_applied(seen))
                found = blocker(manifest.key, seen) or _outdated(manifest, seen, wanted)
            blocked = blocked or found
        result.blockers[stage.condition] = result.blockers.get(stage.condition) or blocked
    result.children += keep_protected({key: seen for key, seen in observed.items() if key not in answered})
    return result


def keep_protected(observed: Mapping[Key, Object]) -> list[Object]:
    """What must stay of objects that no template names any more."""
    return [as_applied(seen) for key, seen in observed.items() if key.kind in PROTECTED]


def _update(manifest: Manifest, seen: Object, expandable: bool, notes: list[str]) -> Object:
    """The manifest, but for what must stay as it is observed."""
    if manifest.key.kind == "Secret":
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


def _missing(manifest: Manifest, waits_for: tuple[str, Blocker] | None) -> Blocker:
    if waits_for:
        return Blocker("Waiting", f"waits for {waits_for[0]}")
    return Blocker("Creating", f"{manifest.key} is being made")


def _outdated(manifest: Manifest, seen: Object, wanted: Object) -> Blocker | None:
    if dig(seen, "metadata", "annotations", REVISION) == dig(wanted, "metadata", "annotations", REVISION):
        return None
    return Blocker("Updating", f"{manifest.key} is being changed")


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
    if _gibibytes(asked) <= _gibibytes(wanted):
        return manifest.body
    body = copy.deepcopy(manifest.body)
    body["spec"]["resources"]["requests"]["storage"] = asked
    return body


def _fixed_claim(manifest: Manifest, seen: Object, notes: list[str]) -> Object:
    """A claim stays what it is. Asking for more would be refused at each sync, and the rest with it."""
    asked, wanted = _storage(seen), _storage(manifest.body)
    if _gibibytes(asked) < _gibibytes(wanted):
        notes.append(f"{manifest.key} stays at {asked} instead of {wanted}, since volumes of this cluster can't grow")
    return as_applied(seen)


def _storage(claim: Object) -> str:
    return str(dig(claim, "spec", "resources", "requests", "storage"))


def _gibibytes(quantity: str) -> float:
    """A canonical storage quantity in Gi. One in a unit we never write counts as larger than any of ours."""
    for unit, size in (("Gi", 1), ("Ti", 1024)):
        if quantity.endswith(unit) and quantity.removesuffix(unit).isdigit():
            return int(quantity.removesuffix(unit)) * size
    return float("inf")
