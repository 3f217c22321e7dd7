"""What is inside a store: its events, pods, logs and passwords, read on request."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import structlog
import urllib3
from flask import Response
from kubernetes.utils.quantity import parse_quantity
from marshmallow import Schema, fields, validate

from storeplatform.common.objects import CREDENTIALS

from ..callers import Access
from ..cluster import Object
from ..operations import Answer, Call, Media, Rate, operation
from ..problems import Problem
from ..services import Services
from ..stores import StoreAccess

log = structlog.get_logger("api.inside")

# In seconds: a log is followed at most this long, and not longer than the caller's token is valid.
LONGEST_LOG_SECONDS = 3600.0


class Event(Schema):
    """A message from a component of the cluster about an object."""

    type = fields.String(required=True, metadata={"description": "Normal or Warning."})
    reason = fields.String(required=True)
    message = fields.String(required=True)
    object = fields.String(required=True, metadata={"description": "The object, as Kind/name."})
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
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the container waits or has ended."}
    )
    message = fields.String(required=True, allow_none=True)


class Pod(Schema):
    """A running part of a store."""

    name = fields.String(required=True)
    component = fields.String(required=True, metadata={"description": "The part of the shop that the pod belongs to."})
    phase = fields.String(required=True)
    ready = fields.Boolean(required=True)
    createdAt = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why the pod does not run."})
    message = fields.String(required=True, allow_none=True)
    containers = fields.List(fields.Nested(Container), required=True)


class Pods(Schema):
    """By name."""

    items = fields.List(fields.Nested(Pod), required=True)
    memoryBytes = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The memory that they use together now; null if the cluster does not measure it."},
    )


class LogQuery(Schema):
    """The part of a log to read."""

    container = fields.String(
        load_default="", metadata={"description": "The container; the pod's first one by default."}
    )
    tail = fields.Integer(
        load_default=200,
        validate=validate.Range(1, 5000),
        metadata={"description": "The number of lines from the end."},
    )
    follow = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Follow the log."}
    )


class Credentials(Schema):
    """The credentials for the shop's administration."""

    adminURL = fields.String(required=True, allow_none=True)
    username = fields.String(required=True)
    password = fields.String(required=True)


class Inside:
    """Each operation asks the API server for one namespace."""

    def __init__(self, services: Services) -> None:
        self.access, self.cluster, self.streams = StoreAccess(services), services.cluster, services.streams
        self.trail = services.trail

    @operation(
        "GET",
        "/stores/<name>/events",
        Access.READ,
        Rate.READ,
        "List a store's events",
        answers={200: Events},
        problems=frozenset({404}),
    )
    def list_events(self, call: Call) -> Answer:
        store = self.access.read(call)
        # By its UID: an earlier store of the same name may have belonged to another owner.
        own = self.cluster.events("default", f"involvedObject.uid={store['metadata']['uid']}")
        found = [_event(each) for each in [*own, *self._inside(store, self.cluster.events)]]
        return Answer({"items": sorted(found, key=lambda event: event["lastSeen"] or "", reverse=True)})

    @operation(
        "GET",
        "/stores/<name>/pods",
        Access.READ,
        Rate.READ,
        "List a store's pods",
        answers={200: Pods},
        problems=frozenset({404}),
    )
    def list_pods(self, call: Call) -> Answer:
        store = self.access.read(call)
        pods = [_pod(each) for each in self._inside(store, self.cluster.pods)]
        measured = self._inside(store, self.cluster.pod_metrics) if pods else []
        return Answer({"items": pods, "memoryBytes": _memory(measured)})

    @operation(
        "GET",
        "/stores/<name>/pods/<pod>/log",
        Access.READ,
        Rate.COSTLY,
        "Read a pod's log",
        query=LogQuery(),
        answers={200: Media("text/plain", "The log.")},
        problems=frozenset({404, 422}),
    )
    def read_log(self, call: Call) -> Response:
        store = self.access.read(call)
        pods = self._inside(store, self.cluster.pods)
        pod = next((each for each in pods if each["metadata"]["name"] == call.path["pod"]), None)
        if pod is None:
            raise Problem("not-found", f"there is no pod {call.path['pod']} in this store: list its pods")
        containers = [each["name"] for kind in ("containers", "initContainers") for each in pod["spec"].get(kind, [])]
        container = call.query["container"] or containers[0]
        if container not in containers:
            wrong = {"?container": f"must be one of: {', '.join(containers)}"}
            raise Problem("invalid", "the pod has no such container", wrong)
        left = min(LONGEST_LOG_SECONDS, max(1.0, call.caller.expires - time.time()))
        with ExitStack() as stack:
            stack.enter_context(self.streams.one_of(call.caller.name))
            log = self.cluster.log(
                pod["metadata"]["namespace"],
                call.path["pod"],
                container,
                call.query["tail"],
                left if call.query["follow"] else 0,
            )
            stack.callback(log.close)
            # The log may be silent, so a timeout, not the next piece, ends it with the caller's token.
            end = threading.Timer(left, log.shutdown)
            end.start()
            stack.callback(end.cancel)
            response = Response(_until_its_end(log), mimetype="text/plain")
            response.headers["X-Accel-Buffering"] = "no"
            response.call_on_close(stack.pop_all().close)
        return response

    @operation(
        "GET",
        "/stores/<name>/credentials",
        Access.CHANGE,
        Rate.COSTLY,
        "Read a store's credentials; the access is recorded",
        action="reveal-credentials",
        answers={200: Credentials},
        problems=frozenset({403, 404, 409}),
    )
    def reveal_credentials(self, call: Call) -> Answer:
        store = self.access.live(call)
        name, spec, status = store["metadata"]["name"], store["spec"], store.get("status", {})
        namespace = self.access.namespace(store)
        data = self.cluster.secret(namespace, CREDENTIALS) if namespace else None
        if not data or "admin-password" not in data:
            raise Problem("conflict", "the store has no passwords yet: they are created with it, so try again later")
        password = base64.b64decode(data["admin-password"]).decode()
        self.trail.done(call, name, spec["owner"])
        user = spec.get("adminEmail") or f"admin@{status.get('url', '').partition('://')[2]}"
        return Answer({"adminURL": status.get("adminURL"), "username": user, "password": password})

    def _inside(self, store: Object, read: Callable[[str], list[Object]]) -> list[Object]:
        """Return what ``read`` finds in the store's own namespace; empty if it has none."""
        namespace = self.access.namespace(store)
        return read(namespace) if namespace else []


def _until_its_end(log: Any) -> Iterator[bytes]:
    """Yield a log's bytes. If it is cut off, by its time limit or by the cluster, it ends normally."""
    with suppress(urllib3.exceptions.HTTPError):
        yield from log.stream(decode_content=False)


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


def _memory(measured: list[Object]) -> int | None:
    """Return the memory that all containers use, in bytes; None if it was not measured."""
    try:
        used = [container["usage"]["memory"] for pod in measured for container in pod["containers"]]
        return int(sum(map(parse_quantity, used))) if used else None
    except (KeyError, TypeError, ValueError):
        log.warning("the cluster's metrics of pods do not have the form of metrics.k8s.io/v1beta1")
        return None


def _pod(pod: Object) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    ready = conditions.get("Ready", {})
    unscheduled = conditions.get("PodScheduled", {})
    cause = unscheduled if unscheduled.get("status") == "False" else status
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return {
        "name": metadata["name"],
        "component": metadata.get("labels", {}).get("app.kubernetes.io/component", ""),
        "phase": status.get("phase", "Unknown"),
        "ready": ready.get("status") == "True",
        "createdAt": metadata["creationTimestamp"],
        "reason": cause.get("reason"),
        "message": cause.get("message"),
        "containers": [_container(each) for each in containers],
    }


def _container(container: Object) -> dict[str, Any]:
    states: dict[str, Any] = container.get("state") or {"unknown": {}}
    state, details = next(iter(states.items()))
    return {
        "name": container["name"],
        "ready": container["ready"],
        "restarts": container["restartCount"],
        "state": state,
        "reason": details.get("reason"),
        "message": details.get("message"),
    }
