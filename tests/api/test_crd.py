"""Specs are validated by the CRD: each keyword means the same here as in the API server."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from storeplatform.api.crd import json_schema, part, schema_of


def schema(**properties: Any) -> Any:
    return schema_of({"properties": properties}, "spec")()


@pytest.mark.parametrize("name", ["spec", "status"])
def test_every_keyword_of_the_shipped_schema_is_supported(name: str) -> None:
    assert schema_of(part(name), name)


def test_an_unsupported_keyword_is_rejected_with_its_path() -> None:
    with pytest.raises(ValueError, match=r"spec\.colour .* multipleOf"):
        schema(colour={"type": "integer", "multipleOf": 2})


@pytest.mark.parametrize(
    ("node", "good", "bad"),
    [
        ({"type": "string", "pattern": "b", "description": "."}, ["abc"], ["ac"]),
        ({"type": "string", "pattern": "^a$", "description": "."}, ["a"], ["a\n", "\na", "aa"]),
        (
            {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
            [{"a": "b"}, {}],
            [{"a": 1}, {"a": "b", "c": "d"}],
        ),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c"]),
        ({"type": "string"}, ["1"], [1, None, ["a"]]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4, 1.5, "1", None]),
        ({"type": "boolean"}, [True, False], ["true", "yes", None]),
        (
            {"type": "string", "format": "date-time"},
            ["2030-01-31T12:00:00Z"],
            ["2030-01-31", "2030-13-01T00:00:00Z", "now"],
        ),
        ({"type": "array", "maxItems": 1, "items": {"type": "string"}}, [[], ["a"]], [["a", "b"], [1], "a"]),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            [{"a": "b"}],
            [{}, {"b": "a"}],
        ),
    ],
)
def test_a_keyword_accepts_and_rejects_what_it_should(node: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert schema(field=node).load({"field": value}) == {"field": value}
    for value in bad:
        with pytest.raises(ValidationError):
            schema(field=node).load({"field": value})


def test_the_documents_schema_is_the_crds_without_kubernetes_keywords() -> None:
    text = str(json_schema(part("spec")))
    assert "x-kubernetes" not in text
    assert json_schema(part("spec"))["properties"]["plan"]["default"] == "small"
