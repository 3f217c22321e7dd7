"""Generate the chart's values.schema.json (``python -m tests.charts.schema``).

A value's type is its default's, and the settings' schema comes from the services themselves, so nothing is stated
twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from storeplatform.api import settings as api
from storeplatform.api.relay import settings as relay
from storeplatform.common import settings as hooks
from storeplatform.dashboard import settings as dashboard

from ..values import CHART, chart_values

FILE = CHART / "values.schema.json"
SERVICES = {
    "hooks": hooks._Settings,
    "api": api._Settings,
    "dashboard": dashboard._Settings,
    "relay": relay._Settings,
}

QUANTITIES = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 1}
PODS = {
    "type": "object",
    "properties": {
        "labels": TEXTS,
        "annotations": TEXTS,
        "nodeSelector": TEXTS,
        "tolerations": {"type": "array", "items": {"type": "object"}},
        "affinity": {"type": "object"},
        "topologySpreadConstraints": {"type": "array", "items": {"type": "object"}},
        "priorityClassName": {"type": "string"},
    },
    "additionalProperties": False,
}
# What can't be derived from a default.
SPECIAL: dict[tuple[str, ...], Any] = {
    ("image", "pullPolicy"): {"enum": ["Always", "IfNotPresent", "Never"]},
    ("monitoring", "labels"): TEXTS,
    ("monitoring", "grafanaLabels"): TEXTS,
    **{(name, "replicas"): COUNT for name in SERVICES},
    **{
        (*part, "pods"): PODS
        for part in ((), ("hooks",), ("api",), ("dashboard",), ("controllers",), ("reaper",), ("relay",))
    },
    **{
        (name, "resources"): {
            "type": "object",
            "properties": {"requests": QUANTITIES, "limits": QUANTITIES},
            "additionalProperties": False,
        }
        for name in (*SERVICES, "gate", "reaper")
    },
}
# Of Metacontroller's official chart; its other values are not restricted.
OPEN = ("metacontroller",)
TYPES = {bool: "boolean", int: "integer", str: "string"}


def schema() -> dict[str, Any]:
    """Return the complete schema."""
    made = _of(chart_values(), ())
    made["properties"]["global"] = {"description": "Helm gives it to every chart.", "type": "object"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made}


def _of(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if path in SPECIAL:
        return dict(SPECIAL[path])
    if path[1:] == ("settings",):
        return _of_settings(SERVICES[path[0]])
    if isinstance(value, Mapping):
        properties = {name: _of(each, (*path, name)) for name, each in value.items()}
        return {"type": "object", "properties": properties, "additionalProperties": path[:1] == OPEN}
    if isinstance(value, list):
        return {"type": "array"} if path[:1] == OPEN else {"type": "array", "items": {"type": "string"}}
    return {"type": TYPES[type(value)]}


def _of_settings(service: type[Schema]) -> dict[str, Any]:
    spec = APISpec("values", "1", "3.0.3", plugins=[MarshmallowPlugin(schema_name_resolver=lambda _: None)])
    plugin = spec.plugins[0]
    assert isinstance(plugin, MarshmallowPlugin)
    assert plugin.converter
    return dict(_closed(plugin.converter.schema2jsonschema(service())))


def _closed(part: Any) -> Any:
    """Allow only these fields; convert patterns to Go's syntax; allow "" for an address that the chart fills in."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, Mapping):
        return part
    made = {name: _closed(each) for name, each in part.items() if name != "format"}
    if isinstance(made.get("pattern"), str):
        made["pattern"] = made["pattern"].replace(r"\Z", "$")
    if "properties" in made:
        made["additionalProperties"] = False
    return made


if __name__ == "__main__":
    FILE.write_text(json.dumps(schema(), indent=2) + "\n")
