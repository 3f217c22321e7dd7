"""Read and set the limits of stores. The gate enforces them."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Any

import orjson
from kubernetes.client.exceptions import ApiException
from marshmallow import Schema, fields, validate

from storeplatform.common.objects import GROUP, VERSION

from ..callers import Access
from ..cluster import QUOTAS, Object
from ..operations import Answer, Call, Rate, operation
from ..problems import Problem
from ..services import Services
from ..storequotas import GLOBAL, quota_name

TRIES = 5


class Quota(Schema):
    """How many stores exist, and how many are allowed."""

    owner = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The owner; null for the limit of all owners together."},
    )
    maxStores = fields.Integer(required=True)
    isDefault = fields.Boolean(
        required=True,
        metadata={"description": "Whether the limit is the settings' default, and not set by a StoreQuota."},
    )
    used = fields.Integer(required=True)


class QuotaPage(Schema):
    """Owners with a StoreQuota or a store, ordered by the StoreQuota's name; the limit of all owners comes first."""

    items = fields.List(fields.Nested(Quota), required=True)
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "The cursor of the next page; null after the last."}
    )


class QuotasQuery(Schema):
    """The page to read."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    cursor = fields.String(load_default="", validate=validate.Length(max=4096))


class QuotaChange(Schema):
    """The new limit. Existing stores are kept."""

    maxStores = fields.Integer(
        required=True,
        strict=True,
        allow_none=True,
        validate=validate.Range(0, 1_000_000),
        metadata={"description": "The new limit; null restores the default."},
    )


class QuotaQuery(Schema):
    """The owner of the quota."""

    owner = fields.String(
        load_default="", validate=validate.Length(max=253), metadata={"description": "The caller's by default."}
    )


@lru_cache(20_000)
def _name(owner: str) -> str:
    return quota_name(owner)


def _write(after: str, token: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([after, token])).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, str]:
    """Return the StoreQuota's name and the API server's token in a cursor.

    :raise Problem: it is invalid.
    """
    if not cursor:
        return "", ""
    try:
        after, token = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise _no_cursor() from None
    if not isinstance(after, str) or not isinstance(token, str):
        raise _no_cursor()
    return after, token


def _no_cursor() -> Problem:
    detail = "the cursor must come from this list, and be recent: start again without a cursor"
    return Problem("invalid", detail, {"?cursor": "must be the value of next on the previous page"})


class Quotas:
    """Limits are read from the API server; the number of stores comes from the cache."""

    def __init__(self, services: Services) -> None:
        self.cluster, self.cache, self.trail = services.cluster, services.cache, services.trail
        self.defaults = services.settings["quota"]

    @operation(
        "GET",
        "/quota",
        Access.READ,
        Rate.READ,
        "Read an owner's quota",
        query=QuotaQuery(),
        answers={200: Quota},
        problems=frozenset({404, 422}),
    )
    def read_quota(self, call: Call) -> Answer:
        owner = call.query["owner"] or call.caller.name
        if not call.caller.sees(owner):
            raise Problem("not-found", "you may read only your own quota: leave owner out")
        return Answer(self._quota(owner, self.cluster.find(quota_name(owner), QUOTAS)))

    @operation(
        "GET",
        "/quotas",
        Access.ADMIN,
        Rate.READ,
        "List quotas",
        query=QuotasQuery(),
        answers={200: QuotaPage},
        problems=frozenset({422}),
    )
    def list_quotas(self, call: Call) -> Answer:
        after, token = _read(call.query["cursor"])
        shown, following = self._page(after, token, call.query["limit"])
        items = [self._quota(owner, found) for owner, found in shown]
        if not call.query["cursor"]:
            items.insert(0, self._quota(None, self.cluster.find(GLOBAL, QUOTAS)))
        return Answer({"items": items, "next": following})

    def _page(self, after: str, token: str, limit: int) -> tuple[list[tuple[str, Object | None]], str | None]:
        """Return a page of owners with their quotas, after the StoreQuota of that name, and the cursor of the next
        page.

        ``token`` is where the API server's list continues. Owners without a StoreQuota are inserted where theirs would
        be.
        """
        page = self._objects(limit, token)
        following = page["metadata"].get("continue") or ""
        objects = {each["metadata"]["name"]: each for each in page["items"]}
        last = max(objects) if following else None
        owners = {name: each["spec"]["owner"] for name, each in objects.items() if "owner" in each["spec"]}
        named = ((_name(owner), owner) for owner in self.cache.counts())
        owners |= {name: owner for name, owner in named if last is None or name <= last}
        rest = sorted(name for name in owners if name > after)
        shown = [(owners[name], objects.get(name)) for name in rest[:limit]]
        if len(rest) > limit:
            return shown, _write(rest[limit - 1], token)
        return shown, _write(last, following) if last is not None else None

    def _objects(self, limit: int, token: str) -> Object:
        try:
            return self.cluster.list_objects(QUOTAS, limit=limit, following=token)
        except ApiException as error:
            if not token or error.status not in (400, 410):
                raise
            raise _no_cursor() from None

    @operation(
        "PUT",
        "/quotas/<path:owner>",
        Access.ADMIN,
        Rate.WRITE,
        'Set the limit of an owner, or of all owners ("*")',
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
                # The gate has just reserved a place in it, or created it.
                found = self.cluster.find(name, QUOTAS)
        raise Problem(
            "conflict", "the quota is being changed by other requests: try again", headers={"Retry-After": "1"}
        )

    def _quota(self, owner: str | None, found: Object | None) -> dict[str, Any]:
        said = (found or {}).get("spec", {}).get("maxStores")
        default = self.defaults["everybody" if owner is None else "owner"]
        used = len(self.cache) if owner is None else len(self.cache.stores(owner))
        return {"owner": owner, "maxStores": default if said is None else said, "isDefault": said is None, "used": used}
