"""What is inside a store: its events, pods, logs and passwords, read when asked for."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from typing import Any

from flask import Response
from kubernetes.client.exceptions import ApiException
from marshmallow import Schema, fields, validate

from ..callers import Access
from ..cluster import Object
from ..operations import Answer, Call, Media, Rate, operation
from ..problems import Problem
from ..services import Services
from ..stores import StoreAccess, namespace_of

CREDENTIALS = "credentials"


class Event(Schema):
    """What a part of the cluster says of an object."""

    type = fields.String(required=True, metadata={"description": "Normal or Warning."})
    reason = fields.String(required=True)
    message = fields.String(required=True)
    object = fields.String(required=True, metadata={"description": "Of what, as Kind/name."})
    count = fields.Integer(required=True)
    lastSeen = fields.String(required=True, allow_none=True)


class Events(Schema):
    """The newest first."""

    items = fields.List(fields.Nested(Event), required=True)


class Container(Schema):
    """A container of a pod."""

    name = fields.String(required=True)
    ready = fields.Boolean(required=True)
    restarts = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"description": "running, waiting, terminated or unknown."})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it waits or ended."})
    message = fields.String(required=True, allow_none=True)


class Pod(Schema):
    """A running part of a store."""

    name = fields.String(required=True)
    component = fields.String(required=True, metadata={"description": "Which part of the shop it is."})
    phase = fields.String(required=True)
    ready = fields.Boolean(required=True)
    createdAt = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "What keeps it from running."})
    message = fields.String(required=True, allow_none=True)
    containers = fields.List(fields.Nested(Container), required=True)


class Pods(Schema):
    """By name."""

    items = fields.List(fields.Nested(Pod), required=True)


class LogQuery(Schema):
    """Which part of a log."""

    container = fields.String(load_default="", metadata={"description": "Left out: the pod's first."})
    tail = fields.Integer(
        load_default=200, validate=validate.Range(1, 5000), metadata={"description": "The last so many lines."}
    )
    follow = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Go on as it grows."}
    )


class Credentials(Schema):
    """What an owner signs in to the shop's administration with."""

    adminURL = fields.String(required=True, allow_none=True)
    username = fields.String(required=True)
    password = fields.String(required=True)


class Inside:
    """Each asks the API server for one namespace."""

    def __init__(self, services: Services) -> None:
        self.access, self.cluster, self.streams = StoreAccess(services), services.cluster, services.streams
        self.trail = services.trail

    @operation(
        "GET",
        "/stores/<name>/events",
        Access.READ,
        Rate.READ,
        "What happened in a store",
        answers={200: Events},
        problems=frozenset({404}),
    )
    def list_events(self, call: Call) -> Answer:
        name = self.access.read(call)["metadata"]["name"]
        own = self.cluster.events("default", f"involvedObject.kind=Store,involvedObject.name={name}")
        found = [_event(each) for each in [*own, *self.cluster.events(namespace_of(name))]]
        return Answer({"items": sorted(found, key=lambda event: event["lastSeen"] or "", reverse=True)})

    @operation(
        "GET",
        "/stores/<name>/pods",
        Access.READ,
        Rate.READ,
        "A store's pods, and what keeps them from running",
        answers={200: Pods},
        problems=frozenset({404}),
    )
    def list_pods(self, call: Call) -> Answer:
        name = self.access.read(call)["metadata"]["name"]
        return Answer({"items": [_pod(each) for each in self.cluster.pods(namespace_of(name))]})

    @operation(
        "GET",
        "/stores/<name>/pods/<pod>/log",
        Access.READ,
        Rate.COSTLY,
        "A pod's log",
        query=LogQuery(),
        answers={200: Media("text/plain", "The log.")},
        problems=frozenset({404, 422}),
    )
    def read_log(self, call: Call) -> Response:
        name = self.access.read(call)["metadata"]["name"]
        pod = next(
            (each for each in self.cluster.pods(namespace_of(name)) if each["metadata"]["name"] == call.path["pod"]),
            None,
        )
        if pod is None:
            raise Problem("not-found", f"there is no pod {call.path['pod']} in this store: list its pods")
        containers = [each["name"] for kind in ("containers", "initContainers") for each in pod["spec"].get(kind, [])]
        container = call.query["container"] or containers[0]
        if container not in containers:
            wrong = {"?container": f"must be one of: {', '.join(containers)}"}
            raise Problem("invalid", "the pod has no such container", wrong)
        with ExitStack() as stack:
            stack.enter_context(self.streams.one_of(call.caller.name))
            log = self.cluster.log(
                namespace_of(name), call.path["pod"], container, call.query["tail"], call.query["follow"]
            )
            stack.callback(log.close)
            response = Response(log.stream(decode_content=False), mimetype="text/plain")
            response.call_on_close(stack.pop_all().close)
        return response

    @operation(
        "GET",
        "/stores/<name>/credentials",
        Access.CHANGE,
        Rate.COSTLY,
        "Reveal a store's passwords; it is recorded",
        action="reveal-credentials",
        answers={200: Credentials},
        problems=frozenset({403, 404, 409}),
    )
    def reveal_credentials(self, call: Call) -> Answer:
        store = self.access.live(call)
        name, spec, status = store["metadata"]["name"], store["spec"], store.get("status", {})
        try:
            data = self.cluster.secret(namespace_of(name), CREDENTIALS)
            password = base64.b64decode(data["admin-password"]).decode()
        except (ApiException, KeyError) as error:
            if isinstance(error, ApiException) and error.status != 404:
                raise
            raise Problem(
                "conflict", "the store has no passwords yet: they are made with it, try again when it is further"
            ) from None
        self.trail.done(call, name, spec["owner"])
        user = spec.get("adminEmail") or f"admin@{status.get('url', '').partition('://')[2]}"
        return Answer({"adminURL": status.get("adminURL"), "username": user, "password": password})


def _event(event: Object) -> dict[str, Any]:
    of = event["involvedObject"]
    return {
        "type": event.get("type") or "Normal",
        "reason": event.get("reason") or "",
        "message": event.get("message") or "",
        "object": f"{of.get('kind', '')}/{of.get('name', '')}",
        "count": event.get("count") or (event.get("series") or {}).get("count") or 1,
        "lastSeen": event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"],
    }


def _pod(pod: Object) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    ready = conditions.get("Ready", {})
    unscheduled = conditions.get("PodScheduled", {})
    told = unscheduled if unscheduled.get("status") == "False" else status
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return {
        "name": metadata["name"],
        "component": metadata.get("labels", {}).get("app.kubernetes.io/component", ""),
        "phase": status.get("phase", "Unknown"),
        "ready": ready.get("status") == "True",
        "createdAt": metadata["creationTimestamp"],
        "reason": told.get("reason"),
        "message": told.get("message"),
        "containers": [_container(each) for each in containers],
    }


def _container(container: Object) -> dict[str, Any]:
    states: dict[str, Any] = container.get("state") or {"unknown": {}}
    state, told = next(iter(states.items()))
    return {
        "name": container["name"],
        "ready": container["ready"],
        "restarts": container["restartCount"],
        "state": state,
        "reason": told.get("reason"),
        "message": told.get("message"),
    }
