"""The available engines and plans, and the caller."""

from __future__ import annotations

from marshmallow import Schema, fields

from ..callers import Access
from ..crd import part
from ..entries import seconds_to_ready
from ..operations import Answer, Call, Rate, operation
from ..services import Services

PRICE_FORMATS: list[str] = part("spec")["properties"]["shop"]["properties"]["priceFormat"]["enum"]


class EngineView(Schema):
    """Shop software."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    versions = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The offered versions. A new store gets the first one by default."},
    )
    retired = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Retired versions. Stores that run one keep it, and should be upgraded."},
    )
    words = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=fields.String()),
        required=True,
        metadata={"description": "Titles of the conditions, by language and by type."},
    )
    steps = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The conditions that a store passes on its way to Ready, in order."},
    )
    secondsToReady = fields.Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": (
                "How long a new store takes from its creation until it is ready: the median of the latest stores; null "
                "while none has been measured."
            )
        },
    )
    currencyChange = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={
            "description": (
                "How an owner changes the currency in the shop's own administration, by language; empty if the engine "
                "does not say."
            )
        },
    )
    priceFormats = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "What spec.shop.priceFormat can be; empty if shops of this engine don't follow it."},
    )
    clones = fields.Boolean(
        required=True,
        metadata={
            "description": (
                "Whether a new store can be made from a backup of another store of the same owner "
                "(spec.restoreFrom.store): it keeps data, and the platform keeps backups in an object store."
            )
        },
    )


class EngineList(Schema):
    """The engines."""

    items = fields.List(fields.Nested(EngineView), required=True)


class Limits(Schema):
    """What all parts of a shop together may use, as Kubernetes quantities."""

    cpu = fields.String(required=True)
    memory = fields.String(required=True)


class PlanView(Schema):
    """How much a shop may use."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    replicas = fields.Integer(required=True, metadata={"description": "The number of storefront pods."})
    storage = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "The size of each volume in Gi."},
    )
    limits = fields.Nested(Limits, required=True)


class PlanList(Schema):
    """The plans, in the order of the settings: smallest first."""

    items = fields.List(fields.Nested(PlanView), required=True)


class Me(Schema):
    """The caller."""

    name = fields.String(required=True)
    role = fields.String(required=True, metadata={"description": "admin, support or owner."})


class Catalog:
    """The responses are the same for every caller, except ``me``."""

    def __init__(self, services: Services) -> None:
        self.engines, self.values, self.cache = services.engines, services.values, services.cache

    @operation("GET", "/engines", Access.ANYBODY, Rate.READ, "List engines", answers={200: EngineList})
    def list_engines(self, call: Call) -> Answer:
        object_store = bool(self.values["backup"]["s3"]["endpoint"])
        measured = seconds_to_ready(self.cache.stores())
        items = [
            {
                "name": engine.name,
                "title": engine.values["title"],
                "description": engine.values["description"],
                "versions": engine.offered,
                "retired": sorted(engine.retired),
                "words": engine.words,
                "steps": engine.steps,
                "secondsToReady": measured.get(engine.name),
                "currencyChange": engine.values["currencyChange"] or {},
                "priceFormats": PRICE_FORMATS if engine.values["currencyChange"] else [],
                "clones": object_store and engine.keeps_data,
            }
            for engine in self.engines.values()
        ]
        return Answer({"items": items})

    @operation("GET", "/plans", Access.ANYBODY, Rate.READ, "List plans", answers={200: PlanList})
    def list_plans(self, call: Call) -> Answer:
        items = [
            {
                "name": name,
                "title": plan["title"],
                "replicas": plan["replicas"],
                "storage": plan["storage"],
                "limits": {"cpu": plan["quota"]["limits.cpu"], "memory": plan["quota"]["limits.memory"]},
            }
            for name, plan in self.values["plans"].items()
        ]
        return Answer({"items": items})

    @operation("GET", "/me", Access.ANYBODY, Rate.READ, "Read the caller's name and role", answers={200: Me})
    def read_me(self, call: Call) -> Answer:
        return Answer({"name": call.caller.name, "role": call.caller.role.value})
