"""Integrations of a store: payment providers and mail servers. Their keys are written here and never read.

They are stored in a Secret in the store's namespace. The hooks copy the fields that may be seen to the Store's status.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from kubernetes.client.exceptions import ApiException
from marshmallow import Schema, fields, validate

from storeplatform.common.integrations import PROVIDER, Integration, InvalidIntegration

from ..callers import Access
from ..cluster import Object
from ..operations import Answer, Call, Rate, operation
from ..problems import Problem
from ..services import Services
from ..stores import StoreAccess

LONGEST_VALUE = 1024
NOT_YET = "the store's namespace does not exist yet, or the store is closed: try again once the store is Ready"


class FieldForm(Schema):
    """A field of a provider."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    secret = fields.Boolean(
        required=True, metadata={"description": "Whether the value is secret, so forms must hide it."}
    )


class ProviderForm(Schema):
    """A provider, and the fields that it needs."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    fields_ = fields.List(fields.Nested(FieldForm), required=True, data_key="fields")


class IntegrationState(Schema):
    """Whether the integration works, with the provider's own message."""

    status = fields.String(required=True, metadata={"description": "True, False or Unknown."})
    reason = fields.String(required=True)
    message = fields.String(required=True)


class StoreIntegration(Schema):
    """One integration of a store. It never contains values of secret fields."""

    name = fields.String(required=True, metadata={"description": "Such as payments or mail."})
    title = fields.String(required=True)
    provider = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": 'null: none is set; "relay": the platform\'s own, which sends while the owner has set none.'
        },
    )
    setAt = fields.String(
        required=True, allow_none=True, metadata={"description": "When it was set; null if not known yet."}
    )
    shown = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": "The fields that may be shown: in full, or only the end of a key."},
    )
    ready = fields.Nested(IntegrationState, required=True, allow_none=True)
    providers = fields.List(fields.Nested(ProviderForm), required=True)


class StoreIntegrations(Schema):
    """Those that the store's engine offers."""

    items = fields.List(fields.Nested(StoreIntegration), required=True)


class NewIntegration(Schema):
    """The provider to connect, and its fields. It replaces the previous one."""

    provider = fields.String(required=True, validate=validate.Length(1, 40))
    fields_ = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 40)),
        values=fields.String(validate=validate.Length(max=LONGEST_VALUE)),
        required=True,
        data_key="fields",
        metadata={"description": "By the names in the integration's providers."},
    )


class Integrations:
    """Secret values never appear in a response, record or log."""

    def __init__(self, services: Services) -> None:
        self.access, self.cluster, self.trail = StoreAccess(services), services.cluster, services.trail
        self.engines, self.integrations = services.engines, services.integrations

    @operation(
        "GET",
        "/stores/<name>/integrations",
        Access.READ,
        Rate.READ,
        "What a store is connected to, and what it can be connected to",
        answers={200: StoreIntegrations},
        problems=frozenset({404}),
    )
    def list_integrations(self, call: Call) -> Answer:
        store = self.access.read(call)
        return Answer({"items": [_shown(store, each) for each in self._offered(store)]})

    @operation(
        "GET",
        "/stores/<name>/integrations/<integration>",
        Access.READ,
        Rate.READ,
        "One of a store's integrations",
        answers={200: StoreIntegration},
        problems=frozenset({404}),
    )
    def get_integration(self, call: Call) -> Answer:
        store = self.access.read(call)
        return Answer(_shown(store, self._named(call, store)))

    @operation(
        "PUT",
        "/stores/<name>/integrations/<integration>",
        Access.CHANGE,
        Rate.WRITE,
        "Connect a store; its keys are never shown again",
        body=NewIntegration(),
        sealed=True,
        action="set-integration",
        answers={202: StoreIntegration},
        problems=frozenset({403, 404, 409, 422}),
    )
    def set_integration(self, call: Call) -> Answer:
        store = self.access.live(call)
        integration = self._named(call, store)
        given = {**call.body["fields_"], PROVIDER: call.body["provider"]}
        try:
            integration.check(given)
        except InvalidIntegration as error:
            errors = {
                f"/{name}" if name in (PROVIDER, "fields") else f"/fields/{name}": what
                for name, what in error.errors.items()
            }
            raise Problem("invalid", "some fields do not have the form that the provider uses", errors) from None
        self._write(store, integration, given)
        recorded = {"integration": integration.name, PROVIDER: given[PROVIDER], "fields": sorted(call.body["fields_"])}
        self.trail.done(call, store["metadata"]["name"], store["spec"]["owner"], after=recorded)
        written = {PROVIDER: given[PROVIDER], "fields": integration.shown(given)}
        return Answer(_view(integration, written, None), 202)

    @operation(
        "DELETE",
        "/stores/<name>/integrations/<integration>",
        Access.CHANGE,
        Rate.WRITE,
        "Disconnect a store; its keys are removed",
        action="remove-integration",
        answers={202: StoreIntegration},
        problems=frozenset({403, 404, 409}),
    )
    def remove_integration(self, call: Call) -> Answer:
        store = self.access.live(call)
        integration = self._named(call, store)
        self._write(store, integration, {})
        before = {"integration": integration.name}
        self.trail.done(call, store["metadata"]["name"], store["spec"]["owner"], before=before)
        return Answer(_view(integration, {}, None), 202)

    def _offered(self, store: Object) -> list[Integration]:
        engine = self.engines.get(store["spec"]["engine"])
        return [self.integrations[name] for name in engine.values["integrations"]] if engine else []

    def _named(self, call: Call, store: Object) -> Integration:
        """Return the integration that the path names.

        :raise Problem: the store's engine has none of that name.
        """
        offered = {each.name: each for each in self._offered(store)}
        found = offered.get(call.path["integration"])
        if found is None:
            choices = ", ".join(offered) or "none"
            raise Problem("not-found", f"this store has no such integration: its engine offers {choices}")
        return found

    def _write(self, store: Object, integration: Integration, given: Mapping[str, str]) -> None:
        """Replace a Secret's fields.

        :raise Problem: the Secret does not exist yet, or the store is being deleted.
        """
        if store["metadata"].get("deletionTimestamp"):
            raise Problem("conflict", "the store is being deleted")
        namespace = self.access.namespace(store)
        data = {name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
        try:
            done = namespace and self.cluster.fill_secret(namespace, integration.secret, store["metadata"]["uid"], data)
        except ApiException as error:
            # The message may contain what was sent.
            raise Problem("conflict", f"the cluster refused the change ({error.status}): try again") from None
        if not done:
            raise Problem("conflict", NOT_YET)


def _shown(store: Object, integration: Integration) -> dict[str, Any]:
    status = store.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    found = status.get("integrations", {}).get(integration.name, {})
    return _view(integration, found, conditions.get(integration.values["condition"]))


def _view(integration: Integration, found: Mapping[str, Any], condition: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "name": integration.name,
        "title": integration.values["title"],
        "provider": found.get("provider"),
        "setAt": found.get("setAt"),
        "shown": found.get("fields", {}),
        "ready": {key: condition[key] for key in ("status", "reason", "message")} if condition else None,
        "providers": [
            {"name": name, "title": provider["title"], "fields": _forms(provider)}
            for name, provider in integration.values["providers"].items()
        ],
    }


def _forms(provider: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, **{key: field[key] for key in ("title", "description", "secret")}}
        for name, field in provider["fields"].items()
    ]
