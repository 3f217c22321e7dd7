"""A hook scripted by tests, and the parent kind it serves."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

from .client import Object

GROUP_VERSION = "example.com/v1"
TOKEN = "swordfish"


@dataclass(frozen=True)
class Reply:
    """What the hook responds: a JSON body, or raw text."""

    body: Any
    code: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """What the hook received."""

    path: str
    authorization: str
    body: Object


Script = Callable[[Object], Reply]


class HookServer:
    """A hook on a free port. A parent may have its own script, by name; `calls` contains every request."""

    def __init__(self, default: Script) -> None:
        self.default = default
        self.scripts: dict[str, Script] = {}
        self.calls: list[Call] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reply = hook.answer(Call(self.path, self.headers.get("Authorization", ""), request))
                text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                self.send_response(reply.code)
                for name, value in {**reply.headers, "Content-Length": str(len(text.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, call: Call) -> Reply:
        """Record a call and run its parent's script."""
        self.calls.append(call)
        return self.scripts.get(call.body["parent"]["metadata"]["name"], self.default)(call.body)

    def calls_for(self, name: str) -> list[Call]:
        """Return the calls about one parent, in order."""
        return [call for call in list(self.calls) if call.body["parent"]["metadata"]["name"] == name]


def crd() -> Object:
    """The cluster-scoped kind Thing, with a status subresource."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": anything},
    }
    names = {"kind": "Thing", "plural": "things", "singular": "thing"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]},
    }


def thing(name: str, **spec: object) -> Object:
    """A parent of shard "a"."""
    metadata = {"name": name, "labels": {"shard": "a"}}
    return {"apiVersion": GROUP_VERSION, "kind": "Thing", "metadata": metadata, "spec": spec}


def token_secret() -> Object:
    """The Secret with the hook's authorization."""
    metadata = {"name": "hook-token", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": TOKEN}}


def composite(url: str) -> Object:
    """A CompositeController for things of shard "a" with ConfigMaps, Services and Deployments."""
    secret = {"name": "hook-token", "namespace": "default", "key": "token"}

    def hook(path: str) -> Object:
        webhook = {"url": url + path, "timeout": "5s", "authorization": {"secretRef": secret}}
        return {"version": "v2", "webhook": webhook}

    def child(api_version: str, resource: str, method: str) -> Object:
        return {"apiVersion": api_version, "resource": resource, "updateStrategy": {"method": method}}

    parent = {
        "apiVersion": GROUP_VERSION,
        "resource": "things",
        "labelSelector": {"matchLabels": {"shard": "a"}},
        "ignoreStatusChanges": True,
    }
    return {
        "apiVersion": "metacontroller.k8s.io/v1alpha1",
        "kind": "CompositeController",
        "metadata": {"name": "things"},
        "spec": {
            "generateSelector": True,
            "parentResource": parent,
            "childResources": [
                child("v1", "configmaps", "InPlace"),
                child("v1", "services", "OnDelete"),
                child("apps/v1", "deployments", "InPlace"),
            ],
            "hooks": {"sync": hook("/sync"), "finalize": hook("/finalize")},
        },
    }


def full_rights() -> Object:
    """Allow the controller's user everything."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "the-loop-may-do-everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "metacontroller", "namespace": "metacontroller"}],
    }
