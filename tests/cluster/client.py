"""A thin client for any kind of object of an API server, over one `requests` session.

Objects are plain mappings, as in JSON. The server's `Warning` headers are collected in `Client.warnings`.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Self

import requests
import yaml
from requests.adapters import HTTPAdapter

Object = dict[str, Any]
JSON_TYPE = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
# Where the kubelet mounts a pod's service account.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ApiError(Exception):
    """The API server refused: `code` (HTTP), `reason` (Kubernetes', such as NotFound) and `message`."""

    def __init__(self, method: str, path: str, code: int, reason: str, message: str) -> None:
        super().__init__(f"{method} {path}: {code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Client:
    """Calls one API server as one user; threads may share it.

    :param server: URL.
    :param ca: path of the certificate to trust.
    :param token: bearer token.
    """

    def __init__(self, server: str, ca: str, token: str, user_agent: str = "store-platform-tests") -> None:
        self.server = server
        self.warnings: list[str] = []
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor another certificate bundle
        self._session.verify = ca
        self._session.headers.update({"Authorization": f"Bearer {token}", "User-Agent": user_agent})
        self._session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=64))
        self._resources: dict[tuple[str, str], Object] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path, **kwargs: str) -> Self:
        """Return a client for a kubeconfig.

        :raise KeyError: it has no certificate authority file or no token.
        """
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        return cls(cluster["server"], cluster["certificate-authority"], user["token"], **kwargs)

    @classmethod
    def from_service_account(cls, **kwargs: str) -> Self:
        """Return a client for the pod's service account.

        :raise KeyError: this does not run in a pod.
        """
        server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
        return cls(server, str(ACCOUNT / "ca.crt"), (ACCOUNT / "token").read_text(), **kwargs)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON_TYPE,
        query: dict[str, Any] | None = None,
    ) -> Any:
        """Make one call and return the decoded response.

        :raise ApiError: the response is 4xx or 5xx.
        :raise requests.RequestException: there is no response.
        """
        with self._send(method, path, body, content_type, query, timeout=60) as response:
            is_json = response.headers.get("Content-Type", "").startswith(JSON_TYPE)
            return response.json() if is_json else response.text

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        content_type: str,
        query: dict[str, Any] | None,
        **kwargs: Any,
    ) -> requests.Response:
        headers = {"Accept": JSON_TYPE, "Content-Type": content_type}
        data = None if body is None else json.dumps(body)
        response = self._session.request(method, self.server + path, data=data, headers=headers, params=query, **kwargs)
        if warning := response.headers.get("Warning"):
            self.warnings.append(f"{method} {path}: {warning}")
        if response.status_code >= 400:
            raise _error(method, path, response)
        return response

    def resource(self, api_version: str, kind: str) -> Object:
        """Return the API server's description of a kind: `name` (plural), `namespaced`, `kind`, ...

        :raise LookupError: it does not serve that kind.
        """
        return self._find_resource(api_version, "kind", kind)

    def resource_by_plural(self, api_version: str, plural: str) -> Object:
        """Like `resource`, by plural name.

        :raise LookupError: the API server serves no such resource.
        """
        return self._find_resource(api_version, "name", plural)

    def _find_resource(self, api_version: str, field: str, value: str) -> Object:
        key = (api_version, value)
        if key not in self._resources:
            found = [
                each
                for each in self.request("GET", _root(api_version))["resources"]
                if each[field] == value and "/" not in each["name"]
            ]
            if not found:
                raise LookupError(f"the API server serves no {value} in {api_version}; install its CRD first")
            self._resources[key] = found[0]
        return self._resources[key]

    def path(self, api_version: str, kind: str, name: str = "", namespace: str = "") -> str:
        """Return the URL path of an object, or of a collection if there is no name."""
        resource = self.resource(api_version, kind)
        within = f"/namespaces/{namespace}" if namespace and resource["namespaced"] else ""
        return f"{_root(api_version)}{within}/{resource['name']}" + (f"/{name}" if name else "")

    def path_of(self, obj: Object) -> str:
        """Return the URL path of the object that `obj` names; its namespace is "default" if it needs one."""
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "default")
        return self.path(obj["apiVersion"], obj["kind"], metadata["name"], namespace)

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object:
        """Return an object.

        :raise ApiError: for example with code 404.
        """
        return self.request("GET", self.path(api_version, kind, name, namespace))

    def find(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return the object, or None if there is none."""
        try:
            return self.get(api_version, kind, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list_all(self, api_version: str, kind: str, namespace: str = "", **query: Any) -> list[Object]:
        """Return all objects of a kind; `query` as in the API (labelSelector, fieldSelector, ...)."""
        return self.request("GET", self.path(api_version, kind, "", namespace), query=query)["items"]

    def create(self, obj: Object, **query: Any) -> Object:
        """Create an object and return it.

        :raise ApiError: for example with reason AlreadyExists.
        """
        return self.request("POST", self.path_of(obj).rpartition("/")[0], obj, query=query)

    def replace(self, obj: Object, subresource: str = "", **query: Any) -> Object:
        """PUT the object, or its `status`.

        :raise ApiError: for example with reason Conflict if it changed meanwhile.
        """
        suffix = f"/{subresource}" if subresource else ""
        return self.request("PUT", self.path_of(obj) + suffix, obj, query=query)

    def apply(self, obj: Object, field_manager: str = "tests", **query: Any) -> Object:
        """Create or change it by server-side apply, taking over the fields it names."""
        query = {"fieldManager": field_manager, "force": "true", **query}
        return self.request("PATCH", self.path_of(obj), obj, content_type=APPLY_PATCH, query=query)

    def apply_all(self, text: str) -> list[Object]:
        """Apply every document of a YAML text, in order."""
        return [self.apply(document) for document in yaml.safe_load_all(text) if document]

    def patch(self, obj: Object, change: Object, subresource: str = "") -> Object:
        """Merge `change` into the live object that `obj` names (JSON merge patch: null removes)."""
        suffix = f"/{subresource}" if subresource else ""
        return self.request("PATCH", self.path_of(obj) + suffix, change, content_type=MERGE_PATCH)

    def delete(self, obj: Object, propagation: str = "Background", uid: str | None = None) -> None:
        """Request its deletion.

        :param uid: only if it still is this very object.
        :raise ApiError: for example with code 404.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        self.request("DELETE", self.path_of(obj), options)

    def watch(
        self, path: str, resource_version: str, timeout_seconds: int = 300, **query: Any
    ) -> Generator[tuple[str, Object]]:
        """Yield (type, object) pairs from that version on, until the server ends the watch.

        :param path: a collection's, as returned by `path()`.
        :raise ApiError: with code 410 if the version is too old: list again.
        """
        query |= {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": timeout_seconds}
        wait = (5, timeout_seconds + 10)
        with self._send("GET", path, None, JSON_TYPE, query, stream=True, timeout=wait) as response:
            for line in response.iter_lines(chunk_size=None):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _status_error("WATCH", path, event["object"])
                yield event["type"], event["object"]


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _error(method: str, path: str, response: requests.Response) -> ApiError:
    try:
        status = response.json()
    except ValueError:
        status = {"reason": response.reason, "message": response.text}
    return _status_error(method, path, {**status, "code": response.status_code})


def _status_error(method: str, path: str, status: Object) -> ApiError:
    return ApiError(method, path, status["code"], status.get("reason", ""), status.get("message", ""))
