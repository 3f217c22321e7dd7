"""The schema of an ``engine.yaml``: every error names the key and what it must be."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

# What a stage is for, in the order in which stages run. The core knows these roles; it knows no engine's condition by
# name.
ROLES = (
    "prove",  # prove that the host belongs to the owner; optional: no other stage waits for it
    "reserve",  # reserve the host for this store
    "place",  # create the namespace
    "guard",  # create quota, policies and passwords
    "database",
    "volumes",
    "check",  # check the backup to restore while the shop stays open; optional
    "restore",  # restore a snapshot or a backup; no later stage runs meanwhile
    "snapshot",  # take a snapshot of the database before a migration
    "migrate",  # migrate the database to the version, and provision a new shop
    "serve",
    "expose",  # create the Ingress
    "work",  # run what accompanies the shop, such as a CronJob
    "backup",
    "save",  # make a requested backup while nothing else runs; optional
    "connect",  # check the owner's integration with its provider; optional
)
# Conditions that only the core sets.
OWN_CONDITIONS = {
    "Accepted",
    "Expiring",
    "Progressing",
    "Ready",
    "Reconciled",
    "Terminating",
    "UpgradeFailed",
    "VersionRetired",
}
FieldT = TypeVar("FieldT", bound=fields.Field[Any])


def _field(kind: Callable[..., FieldT], what: str, *arguments: Any, **options: Any) -> FieldT:
    """Return a required field of that class whose error says that it must be ``what``; with a load_default it is
    optional.
    """
    said = f"must be {what}"
    errors = {"required": f"is missing: it {said}", "null": said, "invalid": said}
    return kind(*arguments, required="load_default" not in options, error_messages=errors, **options)


def _text(what: str, pattern: str, **options: Any) -> fields.String:
    judge = validate.Regexp(pattern, error=f"must be {what}")
    return _field(fields.String, what, validate=judge, **options)


def _once(values: Sequence[Hashable]) -> None:
    if twice := [str(each) for place, each in enumerate(values) if each in values[:place]]:
        raise ValidationError(f"must name each only once: {', '.join(twice)}")


def _line() -> fields.String:
    def judge(text: str) -> None:
        if not text or text != text.strip() or not text.isprintable():
            raise ValidationError("must be one line of text")

    return _field(fields.String, "one line of text", validate=judge)


def _name(most: int = 63) -> fields.String:
    what = f"lowercase letters, digits and dashes, at most {most} characters"
    return _text(what, rf"^(?=.{{1,{most}}}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")


def _names(what: str, **options: Any) -> fields.List[Any]:
    return _field(fields.List, f"a list of {what}", _name(), validate=_once, **options)


def _image() -> fields.String:
    tag, digest = "(:[A-Za-z0-9_][-.A-Za-z0-9_]{0,127})?", "(@sha256:[0-9a-f]{64})?"
    what = "the name of an image, such as store-tiny-web:1.0"
    return _text(what, rf"^[a-z0-9]([-._a-z0-9]|:[0-9]+/|/)*{tag}{digest}\Z")


class _Mapping(Schema):
    """A mapping whose errors list the allowed keys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        keys = ", ".join(self.fields)
        self.error_messages |= {"type": f"must be a mapping with {keys}", "unknown": f"is unknown: allowed are {keys}"}


class _Words(_Mapping):
    en = _line()
    de = _line()


class StageOfFile(_Mapping):
    """A stage, in an engine's engine.yaml or in common/stages.yaml."""

    role = _field(
        fields.String,
        f"one of: {', '.join(ROLES)}",
        validate=validate.OneOf(ROLES, error="must be one of: {choices}"),
    )
    condition = _text(
        'letters, beginning with a capital, such as "ShopReady"', r"^[A-Z][A-Za-z]{0,60}\Z", load_default=None
    )
    words = fields.Nested(_Words, load_default=None, error_messages={"null": "must be a mapping with en, de"})
    manifests = _field(
        fields.List,
        "a list of files",
        _text("a file below the folder of engines, such as tiny/web.yaml", r"^([-\w]+/)+[-\w]+\.yaml\Z"),
        load_default=list,
    )


class _Route(_Mapping):
    path = _text('the beginning of a path, such as "/admin"', r"^/(?!/)[!-~]*\Z")
    service = _name()


class EngineFile(_Mapping):
    """The keys that every engine.yaml has. Other keys are allowed: only the engine's own templates read them."""

    class Meta:
        unknown = INCLUDE

    title = _line()
    description = _line()
    versions = _field(
        fields.Dict,
        "a mapping of versions, the newest first",
        # The same pattern as a Store's spec.version.
        keys=_text(
            'a version in quotes, such as "1.0", at most 40 characters',
            r"^(?=.{1,40}\Z)[0-9A-Za-z]([-._0-9A-Za-z]*[0-9A-Za-z])?\Z",
        ),
        values=_field(fields.Dict, "a mapping of images", keys=_name(), values=_image()),
        validate=validate.Length(min=1, error="must have at least one"),
    )
    # How an owner changes the currency, in words. An engine that has it follows spec.shop.priceFormat.
    currencyChange = fields.Nested(_Words, load_default=None, error_messages={"null": "must be a mapping with en, de"})
    images = _field(fields.Dict, "a mapping of images", keys=_name(), values=_image(), load_default=dict)
    components = _names("names of what runs all the time")
    credentials = _names("names of passwords")
    integrations = _names("names from integrations.yaml", load_default=list)
    jobResources = _field(fields.Dict, "a mapping with requests and limits", load_default=dict)
    routes = _field(
        fields.List,
        "a list of paths and services",
        fields.Nested(_Route),
        validate=[
            validate.Length(min=1, error="must have at least one"),
            lambda routes: _once([each["path"] for each in routes]),
        ],
    )
    adminPath = _text('a path, such as "/admin", or empty', r"^(/(?!/)[!-~]*)?\Z", load_default="")
    stages = _field(fields.List, "a list of stages", fields.Nested(StageOfFile))

    @validates_schema(skip_on_field_errors=True)
    def _versions_are_alike(self, values: Mapping[str, Any], **_: object) -> None:
        first, *others = values["versions"]
        parts = values["versions"][first].keys()
        wrong = {
            version: f"must have the images of {first}, which are {', '.join(parts) or 'none'}"
            for version in others
            if values["versions"][version].keys() != parts
        }
        if wrong:
            raise ValidationError(wrong, "versions")

    @validates_schema(skip_on_field_errors=True)
    def _something_serves(self, values: Mapping[str, Any], **_: object) -> None:
        roles = [stage["role"] for stage in values["stages"]]
        if "serve" not in roles:
            raise ValidationError("must have at least one with the role serve", "stages")
        if "database" not in roles:
            return
        if "backup" not in values["images"]:
            raise ValidationError({"backup": "is missing: data are backed up by that image"}, "images")
        if values["jobResources"].keys() != {"requests", "limits"}:
            raise ValidationError("must have requests and limits: a backup may use these", "jobResources")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A YAML loader that rejects duplicate keys; by default the second value would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} must occur only once", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def read(file: Path) -> dict[str, Any]:
    """Read and validate an engine.yaml.

    :raise ValidationError: it does not match the schema.
    :raise OSError, yaml.YAMLError: it can't be read.
    """
    with file.open("rb") as stream:
        content = yaml.load(stream, _Loader)  # noqa: S506 (it is a safe one)
    if not isinstance(content, dict):
        raise ValidationError("must be a mapping, beginning with title")
    values: dict[str, Any] = EngineFile().load(content)
    return values


def check_name(folder: str) -> None:
    """Raise ValidationError if ``name`` is not a valid value of a Store's spec.engine."""
    _name(most=40).deserialize(folder)


def messages(found: Any, path: str = "") -> list[str]:
    """Return the errors as strings, each with its key in the file: "stages.3.role: must be ..."."""
    if isinstance(found, dict):
        return [said for key, each in found.items() for said in messages(each, _joined(path, key))]
    if isinstance(found, list):
        return [said for each in found for said in messages(each, path)]
    return [f"{path}: {found}" if path else str(found)]


def _joined(path: str, key: Any) -> str:
    # marshmallow's names for the parts of a mapping, which are not keys of the file.
    return path if key in ("_schema", "key", "value") else f"{path}.{key}" if path else str(key)
