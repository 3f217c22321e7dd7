"""The only client of the API server: every call has a deadline, and errors can be reported to a caller.

All calls of one request share one deadline (``common.timeouts``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any, Self
from urllib.parse import quote

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from storeplatform.common.objects import GROUP, VERSION
from storeplatform.common.timeouts import API_REQUEST, CONNECT, METRICS

STORES, QUOTAS = "stores", "storequotas"
OURS = f"/apis/{GROUP}/{VERSION}"
CORE = "/api/v1"
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
# How many pods or events of a store's namespace are read.
MOST = 500

Object = dict[str, Any]
Query = Mapping[str, str | int | bool | None]

_ends: ContextVar[float] = ContextVar("ends")


class Unreachable(Exception):
    """The API server is unreachable, or did not respond in time."""


def begin_request() -> None:
    """Start the deadline of a request. It applies to all further calls of this thread."""
    _ends.set(monotonic() + API_REQUEST)


def seconds_left() -> float:
    """Return the seconds until the request's deadline; the full time outside of a request.

    :raise Unreachable: it has passed.
    """
    now = monotonic()
    left: float = _ends.get(now + API_REQUEST) - now
    if left <= 0:
        raise Unreachable("the API server took too long")
    return left


class TimedClient(client.ApiClient):
    """A client whose calls all have a timeout. A call names a path, and returns plain mappings.

    The library's own API classes, such as CoreV1Api, import a model of every kind that any of their methods uses. That
    costs half a second at each start, and 60 MB in each process.
    """

    def call_api(self, *arguments: Any, **options: Any) -> Any:
        """Like the base class, with the time until the request's deadline as the default timeout."""
        if not options.get("_request_timeout"):
            left = seconds_left()
            options["_request_timeout"] = (min(CONNECT, left), left)
        return super().call_api(*arguments, **options)

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float | tuple[float, float] | None = None,
    ) -> Any:
        """Return urllib3's response, with its body not read yet.

        :param query: parameters that are None are left out.
        :param timeout: in seconds: for the whole call, or a pair, to connect and for each read.
        :raise ApiException: the call failed; ``body`` is a Kubernetes Status.
        """
        request = self.param_serialize(
            method,
            path,
            query_params=[(name, value) for name, value in (query or {}).items() if value is not None],
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = self.call_api(*request, _request_timeout=timeout)
        if not 200 <= answer.status <= 299:
            text = bytes(answer.read() or b"").decode(errors="replace")
            raise ApiException.from_response(http_resp=answer, body=text, data=None)
        return answer.response

    def call(self, method: str, path: str, **options: Any) -> Object:
        """Return the object in the API server's response. ``options``: those of ``open``."""
        return dict(orjson.loads(self.open(method, path, **options).data))


class Reconnect(urllib3.Retry):
    """Retry once if the connection failed, as kept-alive ones do after a restart; do not retry after a timeout."""

    def increment(self, *arguments: Any, error: Exception | None = None, **named: Any) -> Self:
        """Like the base class."""
        if isinstance(error, urllib3.exceptions.TimeoutError):
            raise error
        return super().increment(*arguments, error=error, **named)  # type: ignore[misc]


def connect() -> TimedClient:
    """Return a client of the cluster that this runs in, or of the current kubeconfig.

    :raise kubernetes.config.ConfigException: there is neither.
    """
    settings = client.Configuration()
    try:
        config.load_incluster_config(settings)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        # The library reads KUBECONFIG only once, when it is imported.
        config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=settings)  # type: ignore[no-untyped-call]
    settings.retries = Reconnect(1, respect_retry_after_header=False)
    settings.connection_pool_maxsize = 64
    return TimedClient(settings)


@contextmanager
def answered() -> Iterator[None]:
    """Convert network errors to ``Unreachable``."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(f"the API server can't be reached: {type(error).__name__}") from error


class Cluster:
    """Access Stores and the objects that belong to them, as plain mappings.

    :raise ApiException: by each method, if the API server refuses; its ``body`` is a Kubernetes Status.
    :raise Unreachable: by each method.
    """

    def __init__(self, api: TimedClient) -> None:
        self.api = api

    def call(self, method: str, path: str, **options: Any) -> Object:
        """Make any other call, like ``TimedClient.call``."""
        with answered():
            return self.api.call(method, path, **options)

    def found(self, path: str, **options: Any) -> Object | None:
        """Return the object at that path; None if it (404), or our role in its namespace (403), does not exist yet."""
        try:
            return self.call("GET", path, **options)
        except ApiException as error:
            if error.status in (403, 404):
                return None
            raise

    def get(self, name: str, plural: str = STORES) -> Object:
        """Return a Store, or an object of another kind of the platform."""
        return self.call("GET", below(OURS, plural, name))

    def find(self, name: str, plural: str = STORES) -> Object | None:
        """Like ``get``, but return None if there is none."""
        try:
            return self.get(name, plural)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def list_objects(self, plural: str = STORES, *, limit: int | None = None, following: str | None = None) -> Object:
        """Return them as a Kubernetes list. ``following``: the ``continue`` token of the previous page."""
        return self.call("GET", below(OURS, plural), query={"limit": limit, "continue": following or None})

    def open_watch(self, **options: Any) -> Any:
        """Return the response from which kubernetes.watch reads changes of Stores. That library sets ``options``."""
        query = {
            "resourceVersion": options["resource_version"],
            "allowWatchBookmarks": True,
            "timeoutSeconds": options["timeout_seconds"],
            "watch": options["watch"],
        }
        return self.api.open("GET", below(OURS, STORES), query=query, timeout=options["_request_timeout"])

    def create(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """Create the object and return it."""
        return self.call("POST", below(OURS, plural), query=_dry(dry_run), body=body)

    def replace(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """Replace the object and return it; 409 if it changed since it was read."""
        return self.call("PUT", below(OURS, plural, body["metadata"]["name"]), query=_dry(dry_run), body=body)

    def replace_status(self, body: Object, plural: str) -> Object:
        """Like ``replace``, for the status only."""
        return self.call("PUT", below(OURS, plural, body["metadata"]["name"], "status"), body=body)

    def delete(self, store: Object, unchanged: bool = False) -> Object | None:
        """Request the deletion of exactly this Store. Return it if finalizers still hold it; None if it is deleted.

        :param unchanged: the response is 409 if it has changed since it was read.
        """
        metadata = store["metadata"]
        path, body = below(OURS, STORES, metadata["name"]), deletion(metadata, unchanged)
        left = self.call("DELETE", path, body={**body, "propagationPolicy": "Background"})
        return left if left["kind"] == "Store" else None

    def namespace(self, name: str) -> Object | None:
        """Return the namespace; None if there is none."""
        return self.found(below(CORE, "namespaces", name))

    def pods(self, namespace: str) -> list[Object]:
        """Return the pods of a store's namespace."""
        return self._items(below(CORE, "namespaces", namespace, "pods"))

    def pod_metrics(self, namespace: str) -> list[Object]:
        """Return the usage of a store's pods, from metrics.k8s.io; empty if it is not available at once."""
        path = below("/apis/metrics.k8s.io/v1beta1", "namespaces", namespace, "pods")
        try:
            return list(self.call("GET", path, timeout=(METRICS, METRICS))["items"])
        except (ApiException, Unreachable):
            return []

    def events(self, namespace: str, of: str = "") -> list[Object]:
        """Return the newest events of a namespace whose fields match ``of``."""
        return self._items(below(CORE, "namespaces", namespace, "events"), of)

    def log(self, namespace: str, pod: str, container: str, tail: int, follow: float) -> Any:
        """Return a response whose ``stream()`` yields the log's bytes; the caller closes it.

        :param follow: for how many seconds to wait for new lines; 0: return only the existing ones.
        """
        with answered():
            return self.api.open(
                "GET",
                below(CORE, "namespaces", namespace, "pods", pod, "log"),
                query={"container": container, "tailLines": tail, "follow": follow > 0},
                accept="*/*",
                timeout=(CONNECT, follow) if follow > 0 else None,
            )

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return a Secret's data in base64; None if it, or our role in that namespace, does not exist yet."""
        read = self.found(below(CORE, "namespaces", namespace, "secrets", name))
        return None if read is None else dict(read.get("data") or {})

    def fill_secret(self, namespace: str, name: str, store_uid: str, data: Mapping[str, str]) -> bool:
        """Replace a Secret's data (in base64) if it belongs to the Store with that UID; return whether it does."""
        change: list[Object] = [
            {"op": "test", "path": "/metadata/ownerReferences/0/uid", "value": store_uid},
            {"op": "add", "path": "/data", "value": dict(data)},
        ]
        path = below(CORE, "namespaces", namespace, "secrets", name)
        try:
            self.call("PATCH", path, body=change, content_type=JSON_PATCH)
        except ApiException as error:
            if error.status in (403, 404):
                return False
            raise
        return True

    def review(self, token: str, audiences: list[str]) -> Object:
        """Return the API server's verdict on a token: the status of a TokenReview."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, **({"audiences": audiences} if audiences else {})},
        }
        return dict(self.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body=body).get("status", {}))

    def _items(self, path: str, of: str = "") -> list[Object]:
        return list((self.found(path, query={"limit": MOST, "fieldSelector": of or None}) or {"items": []})["items"])


def below(root: str, *parts: str) -> str:
    """Return a path of the API server; the parts are escaped."""
    return "/".join((root, *(quote(part, safe="") for part in parts)))


def deletion(metadata: Mapping[str, Any], unchanged: bool = True) -> Object:
    """Return DeleteOptions that delete only this object (409 for another one of its name).

    :param unchanged: the response is also 409 if it has changed since it was read.
    """
    names = ("uid", "resourceVersion") if unchanged else ("uid",)
    options = {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions"}
    return {**options, "preconditions": {name: metadata[name] for name in names}}


def selector(labels: Mapping[str, str]) -> str:
    """Return the label selector for objects that have all of these labels."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _dry(run: bool) -> Query:
    return {"dryRun": "All" if run else None}
