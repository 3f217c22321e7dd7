"""Render an engine's templates for one store into objects, stage by stage.

Every ``{{ expression }}`` is written as JSON, which is valid YAML: templates need no quoting, and no value in a Store's
spec can add a field or an object.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, Undefined

from storeplatform.common import engines, yaml_files
from storeplatform.common.keys import derive
from storeplatform.common.objects import GROUP

from ..settings import Settings
from .defaults import fill
from .hosts import token
from .integrations import relay_fields
from .jobs import REQUEST
from .life import migrate
from .objects import Key, Object, dig
from .store import Store

# The annotation with a hash of the whole manifest.
REVISION = f"{GROUP}/revision"

CLUSTER_SCOPED = {"Hostname", "HostnameClaim", "Namespace"}

# The number of cached stores. A store is synced about 20 times while it is created, from the same manifests (30 KB).
CACHED_STORES = 1024

# Characters that JSON allows unescaped in strings and YAML does not.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class RenderError(Exception):
    """A template does not produce valid objects. The message names the template and what must hold."""


@dataclass(frozen=True, eq=False)
class Manifest:
    """A desired object. ``body`` is shared between responses: never change it, copy it."""

    key: Key
    body: Object


@dataclass(frozen=True, eq=False)
class RenderedStage:
    """The objects of a stage, its role (one of ``engines.ROLES``), and the condition that reports their state."""

    role: str
    condition: str
    manifests: tuple[Manifest, ...]

    @property
    def offline(self) -> bool:
        """Whether nothing may serve while this stage works."""
        return self.role in engines.OFFLINE

    @property
    def optional(self) -> bool:
        """Whether no other stage waits for this one."""
        return self.role in engines.OPTIONAL


@lru_cache(CACHED_STORES)
def render(settings: Settings, store: Store) -> tuple[RenderedStage, ...]:
    """Return the stages of ``store``'s engine in order; each object has its name, namespace, labels and revision."""
    engine = settings.engines[store.engine]
    environment = _environment(str(engine.templates))
    context = {
        "store": store,
        "plan": settings.plans[store.plan],
        "engine": engine.values,
        "settings": settings.values,
        "pods": _pods(engine.templates),
        "credentials": {
            name: derive(settings.root_key, "credential", store.uid, name) for name in engine.values["credentials"]
        },
        "object_store": _object_store(settings, store),
        "relay": relay_fields(settings, store.name, store.uid, store.owner_email),
        # Not a secret: browsers of shoppers may see it. It is derived from the name, so that a restored store keeps it.
        "hostname_token": token(settings, store.owner),
        "public_token": derive(settings.root_key, "public", store.name),
    }
    return tuple(
        RenderedStage(
            stage.role,
            stage.condition,
            tuple(
                _finished(obj, store, engine.templates, stage.role)
                for name in stage.manifests
                for obj in _objects(name, _text(environment, name, context))
            ),
        )
        for stage in engine.stages
    )


@lru_cache
def _pods(templates: Path) -> Object:
    content: Object = yaml_files.load((templates / "common" / "pods.yaml").read_text())
    return content


def _object_store(settings: Settings, store: Store) -> Object | None:
    """Return the location of this owner's archives in the object store; None if backups go to a volume.

    The prefix contains the owner and the store's name, so nobody can create a store from another owner's archives.
    """
    keys = settings.object_store_keys
    if not keys:
        return None

    def prefix(name: str) -> str:
        return f"stores/{derive(settings.root_key, 'owner', store.owner)[:16]}/{name}"

    return {
        "prefix": prefix(store.name),
        "restore_prefix": prefix(store.restore_store or store.name),
        "secret": f"object-store-{derive(settings.root_key, 'object-store', *keys.values())[:8]}",
        "access_key_id": keys["accessKeyId"],
        "secret_access_key": keys["secretAccessKey"],
    }


def _text(environment: Environment, name: str, context: Mapping[str, Any]) -> str:
    try:
        return environment.get_template(name).render(context)
    except TemplateError as error:
        raise RenderError(f"the template {name}: {error}") from error


def _objects(name: str, text: str) -> list[Object]:
    """Return the objects in a rendered template, without empty documents. Errors contain none of the text."""
    try:
        objects = [obj for obj in yaml_files.load_all(text) if obj is not None]
    except yaml.YAMLError as error:
        why = type(error).__name__
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            why = f"line {error.problem_mark.line + 1}: {error.problem}"
        raise RenderError(f"the template {name} must produce YAML, but its output is invalid: {why}") from None
    named = [isinstance(dig(obj, "metadata", "name"), str) and isinstance(dig(obj, "kind"), str) for obj in objects]
    if not all(named):
        raise RenderError(f"the template {name} must produce only objects with kind and metadata.name")
    return objects


@lru_cache
def _environment(templates: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        finalize=_json,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (the output is no HTML; JSON is its escape)
        auto_reload=False,
    )
    environment.filters["b64encode"] = lambda text: base64.b64encode(text.encode()).decode()
    environment.filters["gibibytes"] = lambda number: f"{number // 1024}Ti" if number % 1024 == 0 else f"{number}Gi"
    environment.filters["mebibytes"] = _mebibytes
    return environment


def _mebibytes(quantity: str) -> int:
    """Return a quantity of memory in whole MiB.

    :raise RenderError: its unit is not Mi, Gi or Ti.
    """
    sizes = {"Mi": 1, "Gi": 1024, "Ti": 1024**2}
    if quantity[-2:] not in sizes:
        raise RenderError(f'memory must be given in Mi, Gi or Ti, such as "768Mi", not "{quantity}"')
    return int(quantity[:-2]) * sizes[quantity[-2:]]


def _json(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)  # raises, with the name of what is undefined
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value).decode())


def _finished(obj: Object, store: Store, templates: Path, role: str) -> Manifest:
    """Return the object with the fields that every object of a store has, so that no template has to add them."""
    fill(obj, templates)
    metadata = obj["metadata"]
    if obj["kind"] not in CLUSTER_SCOPED:
        metadata["namespace"] = store.namespace
    if obj["kind"] == "Job":
        metadata["name"] += f"-{_hash(obj['spec'])}"
    if obj["kind"] == "Job" and role == "migrate":
        metadata["annotations"] = {REQUEST: migrate(store.version, store.migration)}
    metadata["labels"] = {**store.labels, **metadata.get("labels", {})}
    # A Secret's data never changes, so its revision does not depend on it.
    revised = {name: value for name, value in obj.items() if obj["kind"] != "Secret" or name != "data"}
    metadata["annotations"] = {**metadata.get("annotations", {}), REVISION: _hash(revised)}
    return Manifest(Key.of(obj), obj)


def _hash(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:10]
