"""What Metacontroller may write whatever the hooks respond, on the real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.client import ApiError, Client, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.waiting import wait_until
from tests.stores.platform import apply_shipped

__all__ = ["binary"]

STORE = {"platform.urumi.dev/store": "shop"}
LEVEL = "pod-security.kubernetes.io/enforce"
PROXY = "nginx.ingress.kubernetes.io/"


@pytest.fixture(scope="module")
def controller(binary: object) -> Iterator[Client]:
    """Metacontroller's client, with a store's namespace and the policies in force."""
    with ControlPlane() as plane:
        apply_shipped(plane.client)
        client = plane.client_for("metacontroller")
        wait_until(lambda: refused(client, namespace(LEVEL, "privileged")), "the policies hold")
        client.create(namespace(LEVEL, "restricted"))
        wait_until(lambda: refused(client, ingress("dashboard.stores.localhost")), "the policy for Ingresses holds")
        yield client
        client.close()


def refused(client: Client, obj: Object) -> bool:
    """Whether a policy refuses its creation."""
    try:
        client.create(obj, dryRun="All")
    except ApiError as error:
        if "ValidatingAdmissionPolicy" in error.message:
            return True
        raise
    return False


def namespace(label: str, value: str, name: str = "store-shop") -> Object:
    labels = {**STORE, LEVEL: "restricted", label: value}
    metadata = {"name": name, "labels": labels, "annotations": {"platform.urumi.dev/owner": "ann@example.com"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def ingress(*hosts: str, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    service = {"service": {"name": "backend", "port": {"number": 80}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": service}]}
    rules = [{"http": paths} | ({"host": host} if host else {}) for host in hosts]
    metadata = {"name": "store", "namespace": "store-shop", "labels": STORE, "annotations": annotations or {}}
    made: Object = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata}
    made["spec"] = {"rules": rules} | ({"defaultBackend": service} if spec else {})
    return made


@pytest.mark.parametrize(
    "obj",
    [
        ingress("shop.stores.localhost"),
        ingress("shop.example.com"),
        ingress(
            "shop.example.com", annotations={f"{PROXY}proxy-body-size": "32m", "cert-manager.io/cluster-issuer": "x"}
        ),
    ],
    ids=["its own host", "a host of its owner's", "what the templates say"],
)
def test_an_ingress_with_the_stores_host_is_allowed(controller: Client, obj: Object) -> None:
    assert not refused(controller, obj)


@pytest.mark.parametrize(
    "obj",
    [
        ingress("dashboard.stores.localhost"),
        ingress("another.stores.localhost"),
        ingress("stores.localhost"),
        ingress("*.stores.localhost"),
        ingress("a.shop.stores.localhost"),
        ingress("kubernetes.default.svc"),
        ingress("shop.stores.localhost", "dashboard.stores.localhost"),
        ingress(""),
        ingress("shop.stores.localhost", default=True),
        ingress("shop.stores.localhost", annotations={f"{PROXY}server-alias": "dashboard.stores.localhost"}),
        ingress("shop.stores.localhost", annotations={f"{PROXY}configuration-snippet": "return 200;"}),
    ],
    ids=[
        "the dashboard's host",
        "another store's host",
        "the platform's domain",
        "all hosts of the platform",
        "a host below its own",
        "a host of the cluster",
        "one too many",
        "every host",
        "what no other serves",
        "an alias",
        "a snippet",
    ],
)
def test_an_ingress_with_a_host_that_is_not_the_stores_is_refused(controller: Client, obj: Object) -> None:
    assert refused(controller, obj)


@pytest.mark.parametrize(
    "obj",
    [
        namespace(LEVEL, "privileged", "store-new"),
        namespace("platform.urumi.dev/store", "new", "kube-new"),
    ],
    ids=["another level", "another name"],
)
def test_a_namespace_with_a_weaker_pod_security_level_is_refused(controller: Client, obj: Object) -> None:
    assert refused(controller, obj)


@pytest.mark.parametrize(("version", "expected"), [("latest", False), ("v1.0", True)])
def test_an_older_version_of_the_level_is_refused(controller: Client, version: str, expected: bool) -> None:
    asked = namespace(f"{LEVEL}-version", version, "store-new")
    asked["metadata"]["labels"]["platform.urumi.dev/store"] = "new"
    assert refused(controller, asked) is expected


def binding(role: str, kind: str, name: str) -> Object:
    subject = {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    metadata = {"name": "owner-integrations", "namespace": "store-shop", "labels": STORE}
    made: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata}
    return {**made, "roleRef": reference, "subjects": [subject]}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (binding("store-integrations", "User", "ann@example.com"), False),
        (binding("store-integrations", "User", "ben@example.com"), True),
        (binding("store-integrations", "Group", "ann@example.com"), True),
        (binding("store-inside", "User", "ann@example.com"), True),
    ],
    ids=["its owner", "another user", "a group", "the API's role"],
)
def test_only_its_owner_gets_the_role_for_a_stores_integrations(
    controller: Client, obj: Object, expected: bool
) -> None:
    assert refused(controller, obj) is expected
