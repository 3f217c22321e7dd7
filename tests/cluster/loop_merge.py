"""Merge a hook's partial object with the live one: a three-way merge that guesses list keys.

A field that the last response contained and this one does not is removed; a field that no response contained is kept. A
list of objects is merged by the first of MERGE_KEYS that all its objects have; any other list is replaced.
"""

import copy
import json
from typing import Any

from .client import Object

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"
MERGE_KEYS = ("containerPort", "port", "mountPath", "name", "uid", "ip", "path")
SERVER_FIELDS = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def with_last_applied(obj: Object, desired: Object) -> Object:
    """Return `obj` with the annotation that stores `desired` for the next merge."""
    metadata = obj["metadata"]
    annotations = {**(metadata.get("annotations") or {}), LAST_APPLIED: _as_go_writes_it(desired)}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


def updated(observed: Object, desired: Object) -> Object:
    """Return what `observed` becomes under `desired`; equal to `observed` if there is nothing to do.

    Status and the metadata that the server sets stay as observed.
    """
    desired = copy.deepcopy(desired)
    (desired["metadata"].get("annotations") or {}).pop(LAST_APPLIED, None)
    remembered = (observed["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    merged = merge(observed, json.loads(remembered) if remembered else None, desired)
    merged["metadata"] = _with_fields_of(observed["metadata"], merged["metadata"], SERVER_FIELDS)
    return with_last_applied(_with_fields_of(observed, merged, ("status",)), desired)


def merge(observed: Any, last: Any, desired: Any) -> Any:
    """Return the value that replaces `observed`, where `last` was the previously desired value."""
    if isinstance(observed, dict):
        return _merge_objects(observed, _of_type(dict, last), _of_type(dict, desired))
    if isinstance(observed, list):
        return _merge_lists(observed, _of_type(list, last), _of_type(list, desired))
    return desired


def _merge_objects(observed: Object, last: Object, desired: Object) -> Object:
    kept = {key: value for key, value in observed.items() if key in desired or key not in last}
    changed = {key: merge(observed.get(key), last.get(key), value) for key, value in desired.items()}
    return {**kept, **changed}


def _merge_lists(observed: list, last: list, desired: list) -> list:
    key = _merge_key([*observed, *last, *desired])
    if key is None:
        return desired
    merged = _merge_objects(_by(key, observed), _by(key, last), _by(key, desired))
    old = [name for item in observed if (name := str(item[key])) in merged]
    new = [name for name in _by(key, desired) if name not in old]
    return [merged[name] for name in old + new]


def _merge_key(items: list) -> str | None:
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in MERGE_KEYS if all(key in item for item in items)), None)


def _by(key: str, items: list[Object]) -> Object:
    return {str(item[key]): item for item in items}


def _of_type(kind: type, value: Any) -> Any:
    """Return `value`, or an empty one if its type differs: then it says nothing about the observed value."""
    return value if isinstance(value, kind) else kind()


def _with_fields_of(source: Object, target: Object, fields: tuple[str, ...]) -> Object:
    others = {key: value for key, value in target.items() if key not in fields}
    return {**others, **{key: source[key] for key in fields if key in source}}


def _as_go_writes_it(value: Object) -> str:
    """Return JSON exactly as Go writes it, so that switching between controllers changes no annotation."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
