"""The form for a new store. The API's schema defines what a field may hold; this module defines which fields are shown.

Fields are named as in a spec, with a dot between the steps: ``shop.title``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# All other fields of a spec can be set later, or with kubectl.
ASKED = ("engine", "plan", "hostname", "adminEmail", "owner", "shop.title", "shop.currency", "shop.country")
# Hidden fields of the form for a shop that is created from another shop's backup.
CARRIED = ("restoreFrom.store", "restoreFrom.backup")
NIGHTLY = {"schedule": "0 3 * * *"}


@dataclass(frozen=True)
class Field:
    """One field: a JSON pointer to its value, its default, its input's attributes, and its choices if it is a list."""

    pointer: str
    default: str
    attributes: Mapping[str, str]
    choices: tuple[str, ...] = ()


def fields(document: Mapping[str, Any]) -> dict[str, Field]:
    """Return the field for the name and those of ``ASKED``, by name.

    :param document: the API's OpenAPI document.
    """
    schemas = document["components"]["schemas"]
    found = {"name": _field("/name", schemas["NewStore"], ["name"])}
    for name in ASKED:
        steps = name.split(".")
        found[name] = _field("/".join(["/spec", *steps]), schemas["NewStoreSpec"], steps)
    return found


def spec_of(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec for a form's values; empty fields get their defaults."""
    spec: dict[str, Any] = {}
    for name in (*ASKED, *CARRIED):
        *parents, last = name.split(".")
        if given.get(name):
            inner = spec
            for step in parents:
                inner = inner.setdefault(step, {})
            inner[last] = given[name]
    return spec | ({"backup": NIGHTLY} if given.get("backup") else {})


def like(source: Mapping[str, Any]) -> dict[str, str]:
    """Return the initial values of the form for a shop created from another shop's backup: the same choices.

    The hostname is omitted, because it belongs to one shop, and so is the title, because it distinguishes shops in the
    list.
    """
    spec = source["spec"]
    shop = {f"shop.{key}": value for key, value in spec.get("shop", {}).items() if key != "title"}
    return {**shop, **{key: spec[key] for key in ("engine", "plan", "owner", "adminEmail") if key in spec}}


def _field(pointer: str, schema: Mapping[str, Any], steps: list[str]) -> Field:
    *parents, last = steps
    for step in parents:
        schema = schema["properties"][step]
    node = schema["properties"][last]
    attributes = {"maxlength": str(node["maxLength"])} if "maxLength" in node else {}
    if last in schema.get("required", []):
        attributes["required"] = "required"
    return Field(pointer, node.get("default", ""), attributes, tuple(node.get("enum", ())))
