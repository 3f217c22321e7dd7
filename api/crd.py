"""Build validation from the Store's CRD, so that the rules of a spec are stated only there.

CEL rules (``x-kubernetes-validations``) are left to the API server.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from storeplatform.common import yaml_files
from storeplatform.metacontroller import MANIFESTS

Node = dict[str, Any]

# Keywords that do not restrict a value's form.
SILENT = {"description", "default", "type", "x-kubernetes-validations", "x-kubernetes-list-type"}
SILENT |= {"x-kubernetes-list-map-keys"}

NAMED_CHOICES = 20


@lru_cache
def part(name: str) -> Node:
    """Return the CRD's schema of ``spec`` or ``status``."""
    documents = yaml_files.load_all((MANIFESTS / "platform" / "crd.yaml").read_text())
    crd = next(each for each in documents if each["spec"]["names"]["kind"] == "Store")
    found: Node = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][name]
    return found


def json_schema(node: Node) -> Node:
    """Return a CRD's schema as JSON Schema 2020-12: the same without Kubernetes' own keywords."""
    plain: Node = {}
    for key, value in node.items():
        if key == "properties":
            plain[key] = {name: json_schema(each) for name, each in value.items()}
        elif key in ("items", "additionalProperties"):
            plain[key] = json_schema(value)
        elif not key.startswith("x-kubernetes-"):
            plain[key] = value
    return plain


class Matches(validate.Validator):
    """JSON Schema's ``pattern``: it searches, and ``$`` matches only at the very end."""

    def __init__(self, pattern: str, description: str) -> None:
        self.pattern = re.compile(re.sub(r"\$\Z", r"\\Z", pattern))
        self.message = f"must have the form {pattern}. {description}"

    def __call__(self, value: str) -> str:
        if not self.pattern.search(value):
            raise ValidationError(self.message)
        return value


class Moment(fields.String):
    """A time in RFC 3339, kept as it was written."""

    FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        try:
            datetime.fromisoformat(text if self.FORM.match(text) else "")
        except ValueError:
            raise ValidationError('must be a time with its zone, such as "2030-01-31T12:00:00Z"') from None
        return text


def schema_of(node: Node, name: str) -> type[Schema]:
    """Return a marshmallow schema for an object's schema.

    :raise ValueError: it has a keyword that is not supported here.
    """
    required = node.get("required", [])
    return Schema.from_dict(
        {key: _field(each, f"{name}.{key}", key in required) for key, each in node["properties"].items()}, name=name
    )


def _field(node: Node, name: str, required: bool) -> fields.Field[Any]:
    known = SILENT | {"properties", "required", "items", "format", "pattern", "enum", "maxItems"}
    known |= {"minLength", "maxLength", "minimum", "maximum", "additionalProperties", "maxProperties"}
    if unknown := node.keys() - known:
        raise ValueError(f"{name} has keywords that the validation doesn't know: {', '.join(sorted(unknown))}")
    options: dict[str, Any] = {"required": required, "validate": _validators(node)}
    match node["type"]:
        case "string":
            return Moment(**options) if node.get("format") == "date-time" else fields.String(**options)
        case "integer":
            return fields.Integer(strict=True, **options)
        case "boolean":
            return fields.Boolean(truthy={True}, falsy={False}, **options)
        case "object" if "additionalProperties" in node:
            values = _field(node["additionalProperties"], f"{name}.additionalProperties", True)
            return fields.Dict(keys=fields.String(), values=values, **options)
        case "object":
            return fields.Nested(schema_of(node, name), **options)
        case "array":
            return fields.List(_field(node["items"], f"{name}.items", True), **options)
    raise ValueError(f"{name} has a type that the validation doesn't know: {node['type']}")


def _choices(node: Node) -> str:
    """Return the error for a value that is not one of the choices; long lists are replaced by a description."""
    choices = [str(each) for each in node["enum"]]
    if len(choices) > NAMED_CHOICES:
        return f"must be one of {len(choices)} values that the API's document lists. {node['description']}"
    return f"must be one of {', '.join(choices)}"


def _validators(node: Node) -> list[validate.Validator]:
    found: list[validate.Validator] = []
    if "minLength" in node or "maxLength" in node:
        found.append(validate.Length(node.get("minLength"), node.get("maxLength")))
    for limit in ("maxItems", "maxProperties"):
        if limit in node:
            found.append(validate.Length(max=node[limit]))
    if "minimum" in node or "maximum" in node:
        found.append(validate.Range(node.get("minimum"), node.get("maximum")))
    if "pattern" in node:
        found.append(Matches(node["pattern"], node["description"]))
    if "enum" in node:
        found.append(validate.OneOf(node["enum"], error=_choices(node)))
    return found
