"""Every request about a Store that the API server offers, by name. Each returns the HTTP status of the response."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from tests.cluster.client import APPLY_PATCH, JSON_TYPE, MERGE_PATCH, Object
from tests.stores.platform import API

STORES = "/apis/platform.urumi.dev/v1alpha1/stores"
PLATFORM = "platform.urumi.dev/x"


@dataclass(frozen=True)
class Actor:
    """A caller. ``name``: their user name; without ``token``: anonymous."""

    name: str
    server: str
    ca: str
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None, content: str = JSON_TYPE, **query: Any) -> int:
        """Return the status of one request."""
        headers = {"Content-Type": content, "Accept": JSON_TYPE}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        with requests.request(
            method, self.server + path, json=body, headers=headers, params=query, verify=self.ca, timeout=30
        ) as answer:
            return answer.status_code


def store(name: str, owner: str, metadata: Object | None = None, **spec: Any) -> Object:
    """Return a Store as a caller would create it."""
    whole = {"name": name, **(metadata or {})}
    return {"apiVersion": API, "kind": "Store", "metadata": whole, "spec": {"engine": "medusa", "owner": owner, **spec}}


OWNED: Object = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "name": "default",
    "uid": "0-0",
}
Operation = Callable[[Actor, Object], int]


def _create(metadata: Object | None = None, own: bool = False, query: Object | None = None, **spec: Any) -> Operation:
    """Create another Store, for the owner of the existing one, or for the caller (``own``)."""

    def create(actor: Actor, there: Object) -> int:
        owner = actor.name if own else there["spec"]["owner"]
        name = f"{there['metadata']['name']}-b"
        body = store(name, owner, metadata, **{key: value.replace("NAME", name) for key, value in spec.items()})
        if "generateName" in body["metadata"]:
            del body["metadata"]["name"]
        return actor.ask("POST", STORES, body, **(query or {}))

    return create


def _create_named(name: str) -> Operation:
    def create(actor: Actor, there: Object) -> int:
        return actor.ask("POST", STORES, store(name or there["metadata"]["name"], there["spec"]["owner"]))

    return create


def _put(change: Callable[[Object], Object], subresource: str = "") -> Operation:
    """Change by PUT of the whole object, as controllers do."""

    def put(actor: Actor, there: Object) -> int:
        body = {**there, "apiVersion": API, "kind": "Store"}
        return actor.ask("PUT", f"{STORES}/{there['metadata']['name']}{subresource}", {**body, **change(body)})

    return put


def _patch(change: Object, subresource: str = "") -> Operation:
    def patch(actor: Actor, there: Object) -> int:
        return actor.ask("PATCH", f"{STORES}/{there['metadata']['name']}{subresource}", change, MERGE_PATCH)

    return patch


def _apply(**spec: Any) -> Operation:
    def apply(actor: Actor, there: Object) -> int:
        name, owner = there["metadata"]["name"], there["spec"]["owner"]
        body = store(name, owner, **spec)
        return actor.ask("PATCH", f"{STORES}/{name}", body, APPLY_PATCH, fieldManager="kubectl", force="true")

    return apply


def _delete(query: Object | None = None, collection: bool = False, **options: Any) -> Operation:
    def delete(actor: Actor, there: Object) -> int:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        name = there["metadata"]["name"]
        if collection:
            return actor.ask("DELETE", STORES, body, fieldSelector=f"metadata.name={name}", **(query or {}))
        return actor.ask("DELETE", f"{STORES}/{name}", body, **(query or {}))

    return delete


def _read(collection: bool = False, **query: Any) -> Operation:
    def read(actor: Actor, there: Object) -> int:
        name = there["metadata"]["name"]
        asked = {key: str(value).replace("NAME", name) for key, value in query.items()}
        return actor.ask("GET", STORES if collection else f"{STORES}/{name}", None, **asked)

    return read


def _metadata(**change: Any) -> Operation:
    """Change the metadata; labels and annotations are added to the existing ones."""

    def changed(body: Object) -> Object:
        there = body["metadata"]
        maps = {key: {**there.get(key, {}), **value} for key, value in change.items() if isinstance(value, dict)}
        return {"metadata": {**there, **change, **maps}}

    return _put(changed)


OPERATIONS: dict[str, Operation] = {
    "get": _read(),
    "list": _read(collection=True),
    "list one": _read(collection=True, fieldSelector="metadata.name=NAME"),
    "watch": _read(collection=True, watch="true", timeoutSeconds=1),
    "watch one": _read(collection=True, watch="true", timeoutSeconds=1, fieldSelector="metadata.name=NAME"),
    "create for the owner": _create(),
    "create for oneself": _create(own=True),
    "create with a generated name": _create({"generateName": "made-"}),
    "create, dry run": _create(query={"dryRun": "All"}),
    "create a name that is there": _create_named(""),
    "create a reserved name": _create_named("dashboard"),
    "create a name whose namespace is another's": _create_named("warehouse"),
    "create with a finalizer": _create({"finalizers": ["example.com/held"]}),
    "create with an owner reference": _create({"ownerReferences": [OWNED]}),
    "create with a platform label": _create({"labels": {PLATFORM: "x"}}),
    "create with a platform annotation": _create({"annotations": {PLATFORM: "x"}}),
    "create with a label of one's own": _create({"labels": {"colour": "red"}}),
    "create with its own host": _create(hostname="NAME.stores.localhost"),
    "create with another store's host": _create(hostname="other.stores.localhost"),
    "create with the dashboard's host": _create(hostname="dashboard.stores.localhost"),
    "change the spec": _put(lambda body: {"spec": {**body["spec"], "plan": "large"}}),
    "patch the spec": _patch({"spec": {"plan": "large"}}),
    "apply the spec": _apply(plan="large"),
    "change the owner": _put(lambda body: {"spec": {**body["spec"], "owner": "mallory"}}),
    "change the host to another store's": _put(lambda b: {"spec": {**b["spec"], "hostname": "other.stores.localhost"}}),
    "change the status": _put(lambda _: {"status": {"phase": "Ready"}}, "/status"),
    "patch the status": _patch({"status": {"phase": "Ready"}}, "/status"),
    "change finalizers": _metadata(finalizers=["example.com/held"]),
    "add the finalizer orphan": _metadata(finalizers=["orphan"]),
    "change owner references": _metadata(ownerReferences=[OWNED]),
    "change a label": _metadata(labels={"colour": "red"}),
    "change a platform label": _metadata(labels={PLATFORM: "x"}),
    "change an annotation": _metadata(annotations={"note": "x"}),
    "change a platform annotation": _metadata(annotations={PLATFORM: "x"}),
    "say who asked": _metadata(annotations={"platform.urumi.dev/requested-by": "mallory"}),
    "delete": _delete(),
    "delete in the foreground": _delete(propagationPolicy="Foreground"),
    "delete, dry run": _delete({"dryRun": "All"}),
    "orphan": _delete(propagationPolicy="Orphan"),
    "orphan by the old option": _delete(orphanDependents=True),
    "orphan, dry run": _delete({"dryRun": "All"}, propagationPolicy="Orphan"),
    "delete many": _delete(collection=True),
}
