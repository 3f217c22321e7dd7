"""The chart on a real API server: installed, upgraded, rolled back and uninstalled, without losing anything."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from ..cluster.client import ApiError, Client
from ..cluster.controlplane import ControlPlane
from ..cluster.waiting import wait_until
from ..stores.platform import API, METACONTROLLER_CRDS
from .conftest import Render
from .crds import crds
from .helm import NAMESPACE, RELEASE, Helm, HelmError, next_release
from .test_rendered import RELAY

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
QUICK = ("--wait", "--timeout=120s", f"--namespace={NAMESPACE}")


@pytest.fixture
def on_cluster(program: Path, plane: ControlPlane, tmp_path: Path) -> Helm:
    """Helm with an admin's kubeconfig."""
    return Helm(program, tmp_path / "helm", plane.kubeconfig("admin"))


@pytest.fixture(scope="module")
def client(plane: ControlPlane) -> Client:
    """An admin's client; the namespace exists, and enforces the restricted level."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    plane.client.apply(namespace)
    return plane.client


@pytest.mark.parametrize("values", ["", "local", "production"])
def test_the_api_server_accepts_each_object_without_a_warning(
    plane: ControlPlane, client: Client, render: Render, values: str
) -> None:
    client.apply_all(METACONTROLLER_CRDS.read_text())
    for crd in crds():
        client.apply(crd)
    for kind in ("cert-manager.io/v1 Certificate", "monitoring.coreos.com/v1 PrometheusRule"):
        wait_until(lambda k=kind: client.list_all(*k.split()) is not None, f"{kind}s are served")
    with_admin = plane.client_for("admin")
    for obj in render(*RELAY, values=values):
        with_admin.apply(obj, dryRun="All", fieldValidation="Strict")
    assert with_admin.warnings == []
    with_admin.close()


def secret(client: Client, name: str) -> dict[str, bytes]:
    found = client.get("v1", "Secret", name, NAMESPACE)
    return {key: base64.b64decode(value) for key, value in found["data"].items()}


ADMISSION = "admissionregistration.k8s.io/v1"
CONTROLLERS = "metacontroller.k8s.io/v1alpha1"
KEPT = ("root-key", "hooks-token", "dashboard-key", "gate-tls")


@pytest.fixture(scope="module")
def installed(
    program: Path, plane: ControlPlane, client: Client, chart: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The Secrets after the first installation."""
    helm = Helm(program, tmp_path_factory.mktemp("helm"), plane.kubeconfig("admin"))
    helm.run("install", RELEASE, str(chart), *QUICK)
    return {name: secret(client, name) for name in KEPT}


def test_the_gates_generated_certificate_is_valid_for_the_api_server(client: Client, installed: dict[str, Any]) -> None:
    tls = installed["gate-tls"]
    bundles = {
        webhook["clientConfig"]["caBundle"]
        for kind in ("Validating", "Mutating")
        for webhook in client.get(ADMISSION, f"{kind}WebhookConfiguration", "store-gate")["webhooks"]
    }
    assert {base64.b64decode(bundle) for bundle in bundles} == {tls["ca.crt"]}
    authority, certificate = (x509.load_pem_x509_certificate(tls[name]) for name in ("ca.crt", "tls.crt"))
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"gate.{NAMESPACE}.svc"]
    verifier = PolicyBuilder().store(Store([authority])).build_server_verifier(x509.DNSName(f"gate.{NAMESPACE}.svc"))
    assert verifier.verify(certificate, [])


def test_an_upgrade_keeps_every_secret_and_changes_only_what_was_set(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path
) -> None:
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK, "--set=hooks.replicas=3")
    assert {name: secret(client, name) for name in KEPT} == installed
    assert client.get("apps/v1", "Deployment", "hooks", NAMESPACE)["spec"]["replicas"] == 3


def test_a_rollback_restores_the_previous_release_and_keeps_every_secret(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path
) -> None:
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK, "--set=hooks.replicas=4")
    on_cluster.run("rollback", RELEASE, "1", *QUICK)
    assert client.get("apps/v1", "Deployment", "hooks", NAMESPACE)["spec"]["replicas"] == 2
    assert {name: secret(client, name) for name in KEPT} == installed


def test_an_upgrade_from_an_older_chart_changes_nothing_else(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path, tmp_path: Path
) -> None:
    newer = next_release(chart, tmp_path)
    specs = {kind: objects(client, kind) for kind in ("NetworkPolicy", "CronJob")}
    on_cluster.run("upgrade", RELEASE, str(newer), *QUICK)
    image = client.get("apps/v1", "Deployment", "hooks", NAMESPACE)["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    assert image == "store-platform:0.2.0"
    assert {name: secret(client, name) for name in KEPT} == installed
    assert objects(client, "NetworkPolicy") == specs["NetworkPolicy"]


def objects(client: Client, kind: str) -> dict[str, Any]:
    version = {"NetworkPolicy": "networking.k8s.io/v1", "CronJob": "batch/v1"}[kind]
    return {obj["metadata"]["name"]: (obj["metadata"]["uid"], obj["spec"]) for obj in client.list_all(version, kind)}


def test_an_upgrade_recreates_what_a_disaster_recovery_removed(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path
) -> None:
    taken = [(CONTROLLERS, "CompositeController", "stores")]
    taken += [(ADMISSION, f"{kind}WebhookConfiguration", "store-gate") for kind in ("Validating", "Mutating")]
    for version, kind, name in taken:
        client.delete({"apiVersion": version, "kind": kind, "metadata": {"name": name}})
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK)
    assert all(client.find(*each) for each in taken)


def test_a_shard_that_has_stores_can_not_be_removed(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path
) -> None:
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK, "--set=api.settings.shards=3")
    without_gate(client)
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "sharded"}}
    finalizer = "metacontroller.io/compositecontroller-stores-{}"
    client.create(
        {
            **store,
            "metadata": {"name": "sharded", "finalizers": [finalizer.format(2)]},
            "spec": {"engine": "medusa", "owner": "ann"},
        }
    )
    with pytest.raises(HelmError, match=r"shards is 2, and shard 2 still has stores \(1, such as sharded\): move them"):
        on_cluster.run("upgrade", RELEASE, str(chart), *QUICK, "--set=api.settings.shards=2")
    assert client.find(CONTROLLERS, "CompositeController", "stores-2")
    client.patch(store, {"metadata": {"finalizers": [finalizer.format(1)]}})
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK, "--set=api.settings.shards=2")
    assert not client.find(CONTROLLERS, "CompositeController", "stores-2")
    client.patch(store, {"metadata": {"finalizers": []}})
    client.delete(store)
    on_cluster.run("upgrade", RELEASE, str(chart), *QUICK)


def without_gate(client: Client) -> None:
    """Without the webhooks, because no gate runs here: yields once the API server does not call them any more."""
    for kind in ("Validating", "Mutating"):
        client.delete(
            {"apiVersion": ADMISSION, "kind": f"{kind}WebhookConfiguration", "metadata": {"name": "store-gate"}}
        )
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "probe"}}
    spec = {"engine": "medusa", "owner": "ann"}
    wait_until(lambda: client.create({**store, "spec": spec}, dryRun="All"), "the gate is asked no more", 60)


def test_nobody_can_change_the_root_key(client: Client, installed: dict[str, Any]) -> None:
    key = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "root-key", "namespace": NAMESPACE}}
    with pytest.raises(ApiError, match="immutable"):
        client.patch(key, {"data": {"key": base64.b64encode(b"another" * 8).decode()}})


def test_stores_and_root_key_survive_uninstalling_and_reinstalling(
    client: Client, installed: dict[str, Any], on_cluster: Helm, chart: Path
) -> None:
    without_gate(client)
    store = {"apiVersion": API, "kind": "Store", "metadata": {"name": "stays"}}
    client.create({**store, "spec": {"engine": "medusa", "owner": "ann"}})
    uid = client.get(API, "Store", "stays")["metadata"]["uid"]
    on_cluster.run("uninstall", RELEASE, *QUICK)
    assert client.find("apps/v1", "Deployment", "hooks", NAMESPACE) is None
    assert client.find("v1", "PersistentVolumeClaim", "audit", NAMESPACE)
    assert secret(client, "root-key") == installed["root-key"]
    assert client.get(API, "Store", "stays")["metadata"]["uid"] == uid
    on_cluster.run("install", RELEASE, str(chart), *QUICK)
    assert secret(client, "root-key") == installed["root-key"]
    assert client.get(API, "Store", "stays")["metadata"]["uid"] == uid
