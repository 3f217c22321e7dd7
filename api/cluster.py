"""The one way to the API server: every call has an end, and an error that says what it is for a caller."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

GROUP, VERSION = "platform.urumi.dev", "v1alpha1"
STORES, QUOTAS = "stores", "storequotas"
SECONDS = (3.05, 10.0)

Object = dict[str, Any]


class Unreachable(Exception):
    """The API server did not answer in time, or could not."""


class TimedClient(client.ApiClient):
    """A client none of whose calls waits for ever."""

    def call_api(self, *arguments: Any, **options: Any) -> Any:
        """As its parent's, ended after ``SECONDS`` (to connect, to read) where the caller says nothing else."""
        options["_request_timeout"] = options.get("_request_timeout") or SECONDS
        return super().call_api(*arguments, **options)


def connect() -> TimedClient:
    """A client of the cluster this runs in, or of the current kubeconfig's.

    :raise kubernetes.config.ConfigException: there is neither.
    """
    settings = client.Configuration()
    try:
        config.load_incluster_config(settings)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        # The library reads KUBECONFIG once, when it is imported.
        config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=settings)  # type: ignore[no-untyped-call]
    settings.retries = 1
    settings.connection_pool_maxsize = 64
    return TimedClient(settings)


@contextmanager
def answered() -> Iterator[None]:
    """Turns what the network does to a call into ``Unreachable``."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(f"the API server can't be reached: {type(error).__name__}") from error


class Cluster:
    """Stores and what belongs to them, as plain mappings.

    :raise ApiException: of each method; the API server refused, its ``body`` is a Kubernetes Status.
    :raise Unreachable: of each method.
    """

    def __init__(self, api: client.ApiClient) -> None:
        self.core, self.custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
        self.authentication = client.AuthenticationV1Api(api)

    def get(self, name: str, plural: str = STORES) -> Object:
        """One Store, or object of another kind of ours, as it is now."""
        with answered():
            return self._object(self.custom.get_cluster_custom_object(GROUP, VERSION, plural, name))

    def find(self, name: str, plural: str = STORES) -> Object | None:
        """As ``get``, None where there is none."""
        try:
            return self.get(name, plural)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def list_objects(self, plural: str = STORES, **options: Any) -> Object:
        """A list of them, as Kubernetes has it."""
        with answered():
            return self._object(self.custom.list_cluster_custom_object(GROUP, VERSION, plural, **options))

    def create(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """The object as it was made."""
        with answered():
            return self._object(
                self.custom.create_cluster_custom_object(
                    GROUP, VERSION, plural, body, dry_run="All" if dry_run else None
                )
            )

    def replace(self, body: Object, plural: str = STORES, dry_run: bool = False) -> Object:
        """The object as it is now; 409 where it is not the one that was read."""
        name = body["metadata"]["name"]
        with answered():
            return self._object(
                self.custom.replace_cluster_custom_object(
                    GROUP, VERSION, plural, name, body, dry_run="All" if dry_run else None
                )
            )

    def delete(self, store: Object) -> Object | None:
        """Ask for the deletion of that very Store, whatever changed of it meanwhile; what is left of it until then."""
        unchanged = client.V1Preconditions(uid=store["metadata"]["uid"])
        options = client.V1DeleteOptions(preconditions=unchanged, propagation_policy="Background")
        with answered():
            left: Any = self.custom.delete_cluster_custom_object(
                GROUP, VERSION, STORES, store["metadata"]["name"], body=options
            )
        return self._object(left) if left["kind"] == "Store" else None

    def pods(self, namespace: str) -> list[Object]:
        """The pods of a namespace."""
        with answered():
            return self._items(self.core.list_namespaced_pod(namespace, limit=500, _preload_content=False))

    def events(self, namespace: str, of: str = "") -> list[Object]:
        """The newest events of a namespace; of those whose fields ``of`` selects."""
        with answered():
            return self._items(
                self.core.list_namespaced_event(namespace, field_selector=of, limit=500, _preload_content=False)
            )

    def log(self, namespace: str, pod: str, container: str, tail: int, follow: bool) -> Any:
        """A response whose ``stream()`` gives the log's bytes; the caller closes it."""
        with answered():
            # A log that is followed may be silent for long. What must end it is its reader.
            limit = (SECONDS[0], 3600.0) if follow else SECONDS
            return self.core.read_namespaced_pod_log(
                pod,
                namespace,
                container=container,
                tail_lines=tail,
                follow=follow,
                _preload_content=False,
                _request_timeout=limit,
            )

    def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """A Secret's data, still in base64."""
        with answered():
            answer: Any = self.core.read_namespaced_secret(name, namespace, _preload_content=False)
            return dict(orjson.loads(answer.data).get("data") or {})

    def review(self, token: str, audiences: list[str]) -> Object:
        """What the API server says of a token: the status of a TokenReview."""
        body = client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token, audiences=audiences or None))
        with answered():
            answer: Any = self.authentication.create_token_review(body, _preload_content=False)
            return dict(orjson.loads(answer.data).get("status", {}))

    @staticmethod
    def _object(answer: Any) -> Object:
        return dict(answer)

    @staticmethod
    def _items(answer: Any) -> list[Object]:
        return list(orjson.loads(answer.data)["items"])
