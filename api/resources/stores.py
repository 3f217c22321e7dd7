"""Stores: list, create, read, change, delete."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import Any

import orjson
from kubernetes.client.exceptions import ApiException
from marshmallow import Schema, ValidationError, fields, validate

from storeplatform.common.objects import GROUP, VERSION

from ..callers import Access, Role
from ..cluster import Object
from ..crd import part, schema_of
from ..idempotency import Attempt, attempt
from ..leases import Leases
from ..listing import SORTS, Query, page, select
from ..operations import Answer, Body, Call, Rate, operation
from ..problems import Problem, pointers
from ..refusals import INVALID
from ..services import Services
from ..stores import StoreAccess, vouched
from ..views import PHASES, Summary, etag, whole

SORT_CHOICES = [*SORTS, *(f"-{name}" for name in SORTS)]


class ListQuery(Schema):
    """The criteria for stores, and their order."""

    owner = fields.String(load_default="", metadata={"description": "Only stores of this owner."})
    engine = fields.String(load_default="", metadata={"description": "Only stores on this engine."})
    plan = fields.String(load_default="", metadata={"description": "Only stores with this plan."})
    phase = fields.String(load_default="", validate=validate.OneOf(["", *PHASES]))
    text = fields.String(
        load_default="",
        validate=validate.Length(max=253),
        metadata={"description": "Only stores whose name, owner, hostname or address contains this."},
    )
    sort = fields.String(
        load_default="name",
        validate=validate.OneOf(SORT_CHOICES),
        metadata={
            "description": (
                'The field to sort by; "-" before it reverses the order. By phase, stores that need attention come '
                "first."
            )
        },
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    cursor = fields.String(load_default="", metadata={"description": "The value of next of the previous page."})


class StorePage(Schema):
    """A page of stores."""

    items = fields.List(fields.Nested(Summary), required=True)
    total = fields.Integer(required=True, metadata={"description": "The number of stores on all pages."})
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "The cursor of the next page; null after the last."}
    )


class DryRun(Schema):
    """Whether only to validate the request."""

    dryRun = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Validate the request and change nothing."},
    )


class Confirmation(Schema):
    """The store's name once more."""

    confirm = fields.String(
        load_default="", metadata={"description": "Must be the store's name; otherwise nothing is deleted."}
    )


class Stores:
    """Specs are validated by the CRD's schema, and by the API server when they are written."""

    def __init__(self, services: Services) -> None:
        self.access, self.cache, self.cluster = StoreAccess(services), services.cache, services.cluster
        self.trail = services.trail
        self.engines, self.plans = services.engines, services.values["plans"]
        self.leases = Leases(services.cluster, services.values["platformNamespace"])
        # Required fields are stated by the API server's own schema; a missing owner is set to the caller.
        node = copy.deepcopy(part("spec"))
        node["required"].remove("owner")
        self.schema = schema_of(node, "spec")()

    @operation(
        "GET",
        "/stores",
        Access.READ,
        Rate.READ,
        "List stores",
        query=ListQuery(),
        answers={200: StorePage},
        problems=frozenset({422}),
    )
    def list_stores(self, call: Call) -> Answer:
        query = Query(**{field.name: call.query[field.name] for field in fields_of(Query)})
        found = select(self.cache.stores, call.caller, query)
        shown, following = page(found, query)
        return Answer(
            {"items": [orjson.Fragment(each.summary) for each in shown], "total": len(found), "next": following}
        )

    @operation(
        "POST",
        "/stores",
        Access.CHANGE,
        Rate.WRITE,
        "Create a store",
        action="create",
        query=DryRun(),
        body="NewStore",
        headers={"Idempotency-Key": "Makes the request safe to repeat: a repeat returns the same store."},
        answers={200: "Store", 202: "Store"},
        problems=frozenset({403, 409, 422}),
    )
    def create_store(self, call: Call) -> Answer:
        new = self._new(call)
        if call.dry_run:
            return Answer(whole(self.cluster.create(new, dry_run=True)))
        if not (key := call.headers.get("Idempotency-Key")):
            return self._created(call, new)
        with attempt(self.cluster, self.leases, call.caller.name, key, call.body) as tried:
            name = new["metadata"]["name"]
            if before := tried.made_before(name):
                return _replayed(before)
            tried.mark(new["metadata"])
            try:
                answer = self._created(call, new, tried)
            except ApiException as error:
                # The same request was sent twice at once, and the other one was first.
                if error.status != 409 or not (before := tried.made_before(name)):
                    raise
                return _replayed(before)
        return answer

    @operation(
        "GET",
        "/stores/<name>",
        Access.READ,
        Rate.READ,
        "Read a store",
        answers={200: "Store", 304: None},
        headers={"If-None-Match": "The ETag of the known state."},
        problems=frozenset({404}),
    )
    def read_store(self, call: Call) -> Answer:
        store = self.access.read(call)
        tag = etag(store)
        if tag in [each.strip() for each in call.headers.get("If-None-Match", "").split(",")]:
            return Answer(None, 304, {"ETag": tag})
        return Answer(whole(store), 200, {"ETag": tag})

    @operation(
        "PATCH",
        "/stores/<name>",
        Access.CHANGE,
        Rate.WRITE,
        "Change a store's spec",
        action="update",
        query=DryRun(),
        body="StoreChange",
        body_type="application/merge-patch+json",
        headers={"If-Match": "The ETag of what was read. A change of the status alone does not matter. Required."},
        answers={200: "Store", 202: "Store"},
        problems=frozenset({403, 404, 409, 412, 422, 428}),
    )
    def change_store(self, call: Call) -> Answer:
        if_match = call.headers.get("If-Match", "")
        if not if_match:
            raise Problem(
                "condition-required", 'a change needs If-Match with the ETag of the store as it was read, or "*"'
            )

        def changed(store: Object) -> Object:
            spec: Object = merged(store["spec"], _only_spec(call.body))
            self._check(spec, call, store)
            return spec

        dry = call.dry_run
        written = self.access.change(call, changed, dry, if_match)
        return Answer(whole(written)) if dry else _accepted(written)

    @operation(
        "DELETE",
        "/stores/<name>",
        Access.CHANGE,
        Rate.WRITE,
        "Delete a store with all its data",
        action="delete",
        query=Confirmation(),
        answers={202: "Store"},
        problems=frozenset({400, 403, 404, 409, 422}),
    )
    def delete_store(self, call: Call) -> Answer:
        store = self.access.live(call)
        name = store["metadata"]["name"]
        if call.query["confirm"] != name:
            raise Problem(
                "confirmation-required",
                f"this deletes the store with all its data: confirm it with ?confirm={name}",
                {"?confirm": f"must be {name}"},
            )
        left = self.cluster.delete(store)
        self.trail.changed(call, store, None)
        if left:
            self.cache.put(left)
        return _accepted(left or store)

    def _created(self, call: Call, new: Object, tried: Attempt | None = None) -> Answer:
        made = self.cluster.create(new)
        self.trail.changed(call, new, made["spec"])
        self.cache.put(made)
        if tried:
            tried.made(made)
        return _accepted(made, created=True)

    def _new(self, call: Call) -> Object:
        """Return the Store that a request creates.

        :raise Problem: it is malformed, or would belong to somebody else.
        """
        body = call.body
        if unknown := body.keys() - {"name", "spec"}:
            raise _invalid({f"/{key}": "is not allowed: only name and spec are" for key in unknown})
        name, spec = body.get("name"), body.get("spec")
        if not isinstance(name, str) or not isinstance(spec, dict):
            wrong = {"/name": "must be a string"} if not isinstance(name, str) else {"/spec": "must be an object"}
            raise _invalid(wrong)
        spec = {"owner": call.caller.name, **spec}
        self._check(spec, call)
        metadata = vouched({"name": name}, call)
        return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Store", "metadata": metadata, "spec": spec}

    def _check(self, spec: Mapping[str, Any], call: Call, store: Object | None = None) -> None:
        """Validate a spec.

        :raise Problem: it is invalid by the CRD, or asks for something unavailable.
        :param store: the store that is changed; it may keep a version that is no longer offered.
        """
        try:
            self.schema.load(spec)
        except ValidationError as error:
            raise _invalid(pointers(error.messages, "/spec")) from None
        if call.caller.role is Role.OWNER and spec.get("owner") != call.caller.name:
            raise Problem(
                "forbidden",
                f"you can only have stores that you own: set owner to {call.caller.name}, or leave it out",
                {"/spec/owner": "must be you"},
            )
        offered = {"/spec/engine": ("engine", self.engines), "/spec/plan": ("plan", self.plans)}
        wrong = {
            where: f"must be one of: {', '.join(sorted(choices))}"
            for where, (key, choices) in offered.items()
            if key in spec and spec[key] not in choices
        }
        if not wrong and "version" in spec:
            offered_versions = self.engines[spec["engine"]].offered
            if spec["version"] not in (*offered_versions, *_versions_of(store or {})):
                wrong["/spec/version"] = f"must be one of: {', '.join(offered_versions)}"
        host = spec.get("hostname")
        if host and host != (store or {"spec": {}})["spec"].get("hostname") and self._served(host, call, store):
            wrong["/spec/hostname"] = (
                f"{host} is the address of another store: choose another one; for two stores to swap their addresses, "
                "first give one of them an address that is free"
            )
        if wrong:
            raise _invalid(wrong)

    def _served(self, host: str, call: Call, store: Object | None) -> bool:
        """Whether another store uses the host. That is not secret: DNS and the shop itself show it."""
        own = store["metadata"]["name"] if store else call.body.get("name")
        return any(each.name != own and each.host == host for each in self.cache.stores())


def _versions_of(store: Object) -> tuple[Any, ...]:
    """Return the version that a store runs, and the one in its spec."""
    running = ((store.get("status") or {}).get("release") or {}).get("running")
    return running, (store.get("spec") or {}).get("version")


def merged(value: Any, patch: Any) -> Any:
    """Return the result of a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    base = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), change)
    return base


def _only_spec(body: Body) -> Any:
    if body.keys() != {"spec"} or not isinstance(body["spec"], dict):
        raise _invalid({"/": 'must be {"spec": {...}}: nothing else of a store can be changed'})
    return body["spec"]


def _accepted(store: Object, created: bool = False) -> Answer:
    headers = {"ETag": etag(store), "Resource-Version": store["metadata"]["resourceVersion"]}
    if created:
        headers["Location"] = f"/api/v1/stores/{store['metadata']['name']}"
    return Answer(whole(store), 202, headers)


def _replayed(store: Object) -> Answer:
    answer = _accepted(store, created=True)
    return Answer(answer.body, answer.status, {**answer.headers, "Idempotent-Replayed": "true"})


def _invalid(errors: Mapping[str, str]) -> Problem:
    return Problem("invalid", INVALID, errors)
