"""The only client of the API server: every call has a deadline, and errors can be reported to a caller.

All calls of one request share one deadline (``common.timeouts``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any, Self

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from storeplatform.common.objects import GROUP, VERSION
from storeplatform.common.timeouts import API_REQUEST, CONNECT, METRICS

STORES, QUOTAS = "stores", "storequotas"

Object = dict[str, Any]

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
    """A client that applies a timeout to every call."""

    def call_api(self, *arguments: Any, **options: Any) -> Any:
        """Like the base class, with the time until the request's deadline as the default timeout."""
        if not options.get("_request_timeout"):
            left = seconds_left()
            options["_request_timeout"] = (min(CONNECT, left), left)
        return super().call_api(*arguments, **options)


class Reconnect(urllib3.Retry):
    """Retry once if the connection failed, as kept-alive ones do after a restart; do not retry if there was no
    response.
    """

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

    def __init__(self, api: client.ApiClient) -> None:
        self.core, self.custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
        self.api, self.authentication = api, client.AuthenticationV1Api(api)

    def get(self, name: str, plural: str = STORES) -> Object:
        """Return a Store, or an object of another of our kinds."""
        with answered():
            return self._object(self.custom.get_cluster_custom_object(GROUP, VERSION, plural, name))

    def find(self, name: str, plural: str = STORES) -> Object | None:
        """Like ``get``, but return None if there is none."""
        try:
            return self.get(name, plural)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def list_objects(self, plural: str = STORES, **options: Any) -> Object:
        """Return one page of a list, as Kubernetes returns it."""
        with answered():
            return self._object(self.custom.list_cluster_custom_object(GROUP, VERSION, plural, **options))

    def create(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """Create the object and return it."""
        with answered():
            return self._object(
                self.custom.create_cluster_custom_object(
                    GROUP, VERSION, plural, body, dry_run="All" if dry_run else None
                )
            )

    def replace(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """Replace the object and return it; 409 if it changed since it was read."""
        name = body["metadata"]["name"]
        with answered():
            return self._object(
                self.custom.replace_cluster_custom_object(
                    GROUP, VERSION, plural, name, body, dry_run="All" if dry_run else None
                )
            )

    def replace_status(self, body: Object, plural: str) -> Object:
        """Like ``replace``, for the status only."""
        name = body["metadata"]["name"]
        with answered():
            return self._object(self.custom.replace_cluster_custom_object_status(GROUP, VERSION, plural, name, body))

    def delete(self, store: Object) -> Object | None:
        """Delete that Store by its UID, even if it has changed meanwhile; return what is left of it until its
        finalizers are removed.
        """
        unchanged = client.V1Preconditions(uid=store["metadata"]["uid"])
        options = client.V1DeleteOptions(preconditions=unchanged, propagation_policy="Background")
        with answered():
            left: Any = self.custom.delete_cluster_custom_object(
                GROUP, VERSION, STORES, store["metadata"]["name"], body=options
            )
        return self._object(left) if left["kind"] == "Store" else None

    def namespace(self, name: str) -> Object | None:
        """Return the namespace; None if there is none."""
        return made_yet(lambda: self.core.read_namespace(name, _preload_content=False))

    def pods(self, namespace: str) -> list[Object]:
        """Return the pods of a store's namespace."""
        return self._items(lambda: self.core.list_namespaced_pod(namespace, limit=500, _preload_content=False))

    def pod_metrics(self, namespace: str) -> list[Object]:
        """Return what the pods of a store's namespace use (metrics.k8s.io); empty if the cluster can't report it at
        once.
        """
        try:
            with answered():
                found = self.custom.list_namespaced_custom_object(
                    "metrics.k8s.io", "v1beta1", namespace, "pods", _request_timeout=(METRICS, METRICS)
                )
                return list(self._object(found)["items"])
        except (ApiException, Unreachable):
            return []

    def events(self, namespace: str, of: str = "") -> list[Object]:
        """Return the newest events of a namespace whose fields match ``of``."""
        return self._items(
            lambda: self.core.list_namespaced_event(namespace, field_selector=of, limit=500, _preload_content=False)
        )

    def log(self, namespace: str, pod: str, container: str, tail: int, follow: float) -> Any:
        """Return a response whose ``stream()`` yields the log's bytes; the caller closes it.

        :param follow: for how many seconds to wait for more; 0: only what exists.
        """
        with answered():
            return self.core.read_namespaced_pod_log(
                pod,
                namespace,
                container=container,
                tail_lines=tail,
                follow=follow > 0,
                _preload_content=False,
                _request_timeout=(CONNECT, follow) if follow > 0 else None,
            )

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Return a Secret's data in base64; None if it, or our role in that namespace, does not exist yet."""
        read = made_yet(lambda: self.core.read_namespaced_secret(name, namespace, _preload_content=False))
        return None if read is None else dict(read.get("data") or {})

    def fill_secret(self, namespace: str, name: str, store_uid: str, data: Mapping[str, str]) -> bool:
        """Replace a Secret's data (in base64) if it belongs to the Store with that UID; return whether it does."""
        change: list[Object] = [
            {"op": "test", "path": "/metadata/ownerReferences/0/uid", "value": store_uid},
            {"op": "add", "path": "/data", "value": dict(data)},
        ]
        written = made_yet(lambda: self.core.patch_namespaced_secret(name, namespace, change, _preload_content=False))
        return written is not None

    def review(self, token: str, audiences: list[str]) -> Object:
        """Return the API server's verdict on a token: the status of a TokenReview."""
        body = client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token, audiences=audiences or None))
        with answered():
            answer: Any = self.authentication.create_token_review(body, _preload_content=False)
            return dict(orjson.loads(answer.data).get("status", {}))

    @staticmethod
    def _object(answer: Any) -> Object:
        return dict(answer)

    @staticmethod
    def _items(read: Callable[[], Any]) -> list[Object]:
        return list((made_yet(read) or {"items": []})["items"])


def selector(labels: Mapping[str, str]) -> str:
    """Return the label selector for objects that have all of these labels."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def made_yet(read: Callable[[], Any]) -> Object | None:
    """Return the object that ``read`` returns; None if it (404), or our role in the namespace (403), does not exist
    yet.
    """
    with answered():
        try:
            return dict(orjson.loads(read().data))
        except ApiException as error:
            if error.status in (403, 404):
                return None
            raise
