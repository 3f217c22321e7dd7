"""How many stores there may be. The gate holds it; here it is read and set."""

from __future__ import annotations

from typing import Any

from kubernetes.client.exceptions import ApiException
from marshmallow import Schema, fields, validate

from ..callers import Access
from ..cluster import GROUP, QUOTAS, VERSION, Object
from ..gate.quota import GLOBAL, quota_name
from ..operations import Answer, Call, Rate, operation
from ..problems import Problem
from ..services import Services

TRIES = 5


class Quota(Schema):
    """How many stores, of how many."""

    owner = fields.String(
        required=True, allow_none=True, metadata={"description": "Whose; null: of all owners together."}
    )
    maxStores = fields.Integer(required=True)
    isDefault = fields.Boolean(
        required=True, metadata={"description": "Whether the settings say so, and no StoreQuota."}
    )
    used = fields.Integer(required=True)


class QuotaList(Schema):
    """Those with a StoreQuota or a store, by owner; that of all together comes first."""

    items = fields.List(fields.Nested(Quota), required=True)


class QuotaChange(Schema):
    """The new limit. Stores that are there already stay."""

    maxStores = fields.Integer(
        required=True,
        strict=True,
        allow_none=True,
        validate=validate.Range(0, 1_000_000),
        metadata={"description": "null: the settings' default again."},
    )


class QuotaQuery(Schema):
    """Whose quota."""

    owner = fields.String(
        load_default="", validate=validate.Length(max=253), metadata={"description": "Left out: the caller's."}
    )


class Quotas:
    """Limits are read as they are now; what is used is counted in the cache."""

    def __init__(self, services: Services) -> None:
        self.cluster, self.cache, self.trail = services.cluster, services.cache, services.trail
        self.defaults = services.settings["quota"]

    @operation(
        "GET",
        "/quota",
        Access.READ,
        Rate.READ,
        "How many stores an owner may have, and has",
        query=QuotaQuery(),
        answers={200: Quota},
        problems=frozenset({404, 422}),
    )
    def read_quota(self, call: Call) -> Answer:
        owner = call.query["owner"] or call.caller.name
        if not call.caller.sees(owner):
            raise Problem("not-found", "only your own quota is there for you: leave owner out")
        return Answer(self._quota(owner, self.cluster.find(quota_name(owner), QUOTAS)))

    @operation("GET", "/quotas", Access.ADMIN, Rate.READ, "The quotas of all owners", answers={200: QuotaList})
    def list_quotas(self, call: Call) -> Answer:
        objects = {each["metadata"]["name"]: each for each in self.cluster.list_objects(QUOTAS)["items"]}
        owners = {each.owner for each in self.cache.stores()}
        owners |= {
            each["spec"]["owner"] for name, each in objects.items() if name != GLOBAL and "owner" in each["spec"]
        }
        everybody = self._quota(None, objects.get(GLOBAL))
        return Answer({"items": [everybody, *(self._quota(o, objects.get(quota_name(o))) for o in sorted(owners))]})

    @operation(
        "PUT",
        "/quotas/<owner>",
        Access.ADMIN,
        Rate.WRITE,
        'Set an owner\'s limit, or that of all together ("*")',
        action="quota",
        body=QuotaChange(),
        answers={200: Quota},
        problems=frozenset({403, 409, 422}),
    )
    def set_quota(self, call: Call) -> Answer:
        owner = None if call.path["owner"] == "*" else call.path["owner"]
        name = quota_name(owner) if owner else GLOBAL
        found = self.cluster.find(name, QUOTAS)
        written = self._write(name, owner, found, call.body["maxStores"])
        before = {"maxStores": (found or {}).get("spec", {}).get("maxStores")}
        self.trail.done(call, "", owner or "*", before, {"maxStores": call.body["maxStores"]})
        return Answer(self._quota(owner, written))

    def _write(self, name: str, owner: str | None, found: Object | None, most: int | None) -> Object:
        spec: dict[str, Any] = {} if owner is None else {"owner": owner}
        if most is not None:
            spec["maxStores"] = most
        for _ in range(TRIES):
            try:
                if found:
                    return self.cluster.replace({**found, "spec": spec}, QUOTAS)
                metadata = {"name": name}
                body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "StoreQuota", "metadata": metadata, "spec": spec}
                return self.cluster.create(body, QUOTAS)
            except ApiException as error:
                if error.status != 409:
                    raise
                # The gate has just reserved a place in it, or made it.
                found = self.cluster.find(name, QUOTAS)
        raise Problem("conflict", "the quota is being used a lot just now: try again", headers={"Retry-After": "1"})

    def _quota(self, owner: str | None, found: Object | None) -> dict[str, Any]:
        said = (found or {}).get("spec", {}).get("maxStores")
        default = self.defaults["everybody" if owner is None else "owner"]
        used = len(self.cache) if owner is None else sum(each.owner == owner for each in self.cache.stores())
        return {"owner": owner, "maxStores": default if said is None else said, "isDefault": said is None, "used": used}
