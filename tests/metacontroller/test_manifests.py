"""What is installed into a cluster, accepted by the real API server and small in what it may do."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from storeplatform.metacontroller import MANIFESTS
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.stores.platform import METACONTROLLER_CRDS, shipped

__all__ = ["binary"]

# As Metacontroller's own manifests name them; what else stands in them is not ours to test.
UPSTREAM = """\
apiVersion: v1
kind: Namespace
metadata: {name: metacontroller}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: metacontroller, namespace: metacontroller}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metacontroller}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: aggregate-metacontroller-view}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: metacontroller}
subjects: [{kind: ServiceAccount, name: metacontroller, namespace: metacontroller}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: metacontroller}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: metacontroller, namespace: metacontroller}
spec:
  replicas: 1
  serviceName: ""
  selector: {matchLabels: {app.kubernetes.io/name: metacontroller}}
  template:
    metadata: {labels: {app.kubernetes.io/name: metacontroller}}
    spec:
      serviceAccountName: metacontroller
      containers:
      - {name: metacontroller, image: "metacontroller:v4.17.2", args: [--zap-log-level=4, --discovery-interval=20s]}
"""


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane() as plane:
        plane.client.apply_all(METACONTROLLER_CRDS.read_text())
        yield plane


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ``kubectl apply -k metacontroller`` would apply, with the upstream manifests stood in for."""
    folder = tmp_path_factory.mktemp("kustomize")
    shutil.copytree(MANIFESTS, folder / "metacontroller")
    (folder / "official").mkdir()
    (folder / "official" / "all.yaml").write_text(UPSTREAM)
    (folder / "official" / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    kustomization = folder / "metacontroller" / "upstream" / "kustomization.yaml"
    content = yaml.safe_load(kustomization.read_text())
    assert content["resources"] == [
        "https://github.com/metacontroller/metacontroller//manifests/production?ref=v4.17.2"
    ]
    kustomization.write_text(yaml.safe_dump({**content, "resources": ["../../official"]}))
    return list(yaml.safe_load_all(plane.kubectl("kustomize", str(folder / "metacontroller"))))


def test_what_is_installed_is_this_and_no_more(installed: list[dict[str, Any]]) -> None:
    names = sorted(f"{obj['kind']} {obj['metadata']['name'].partition('-')[0]}" if obj["kind"] == "ConfigMap"
                   else f"{obj['kind']} {obj['metadata']['name']}" for obj in installed)  # fmt: skip
    assert names == [
        "ClusterRole metacontroller",
        "ClusterRole store-api",
        "ClusterRole store-garbage-collector",
        "ClusterRole store-owner",
        "ClusterRole store-platform-admin",
        "ClusterRole store-reaper",
        "ClusterRoleBinding metacontroller",
        "ClusterRoleBinding store-api",
        "ClusterRoleBinding store-garbage-collector",
        "ClusterRoleBinding store-platform-admin",
        "ClusterRoleBinding store-reaper",
        "CompositeController stores",
        "ConfigMap api",
        "ConfigMap dashboard",
        "ConfigMap settings",
        "CronJob reaper",
        "CustomResourceDefinition hostnames.platform.urumi.dev",
        "CustomResourceDefinition storequotas.platform.urumi.dev",
        "CustomResourceDefinition stores.platform.urumi.dev",
        "Deployment api",
        "Deployment dashboard",
        "Deployment hooks",
        "MutatingAdmissionPolicy store-secrets-unannotated",
        "MutatingAdmissionPolicyBinding store-secrets-unannotated",
        "MutatingWebhookConfiguration store-gate",
        "Namespace metacontroller",
        "Namespace store-platform",
        "NetworkPolicy api",
        "NetworkPolicy dashboard",
        "NetworkPolicy hooks",
        "PersistentVolumeClaim audit",
        "PodDisruptionBudget api",
        "PodDisruptionBudget dashboard",
        "PodDisruptionBudget hooks",
        "Role metacontroller-leader",
        "Role store-api-events",
        "RoleBinding metacontroller-leader",
        "RoleBinding store-api-events",
        "Service api",
        "Service dashboard",
        "Service gate",
        "Service hooks",
        "ServiceAccount api",
        "ServiceAccount dashboard",
        "ServiceAccount hooks",
        "ServiceAccount metacontroller",
        "ServiceAccount reaper",
        "StatefulSet metacontroller",
        "ValidatingAdmissionPolicy store-deletion-protection",
        "ValidatingAdmissionPolicy store-owner",
        "ValidatingAdmissionPolicyBinding store-deletion-protection",
        "ValidatingAdmissionPolicyBinding store-owner",
        "ValidatingWebhookConfiguration store-gate",
    ]


def test_the_api_server_takes_each_object_and_warns_of_none(
    plane: ControlPlane, installed: list[dict[str, Any]]
) -> None:
    with_admin = plane.client_for("admin")
    for obj in sorted(installed, key=lambda obj: obj["kind"] != "Namespace"):
        if obj["kind"] == "Namespace":
            with_admin.apply(obj)
        else:
            with_admin.apply(obj, dryRun="All", fieldValidation="Strict")
    assert with_admin.warnings == []
    with_admin.close()


def test_the_readmes_lines_make_the_api_server_trust_the_gate_and_the_next_apply_leaves_that(
    plane: ControlPlane, tmp_path: Path
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    make, trust = readme[readme.index("openssl req") :], readme[readme.index("for hook in ") :]
    make, trust = make[: make.index("\nkubectl")], trust[: trust.index("\ndone") + 5]
    environment = {"PATH": f"{plane.bin_dir}:{os.environ['PATH']}", "KUBECONFIG": str(plane.kubeconfig())}

    def shell(lines: str) -> None:
        command = ["bash", "-euo", "pipefail", "-c", lines]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    webhooks = shipped("webhooks.yaml")
    for _ in range(2):
        shell(f"kubectl apply --server-side -f {MANIFESTS / 'platform' / 'webhooks.yaml'}")
        if not (tmp_path / "gate.crt").exists():
            shell(f"{make}\n{trust}")
        bundles = {
            base64.b64decode(webhook["clientConfig"]["caBundle"])
            for obj in webhooks
            for webhook in plane.client.get(obj["apiVersion"], obj["kind"], "store-gate")["webhooks"]
        }
        assert bundles == {(tmp_path / "gate.crt").read_bytes()}
    certificate = x509.load_pem_x509_certificate((tmp_path / "gate.crt").read_bytes())
    (names,) = [each.value for each in certificate.extensions if isinstance(each.value, x509.SubjectAlternativeName)]
    (service,) = {(s["name"], s["namespace"]) for s in (
        webhook["clientConfig"]["service"] for obj in webhooks for webhook in obj["webhooks"]
    )}  # fmt: skip
    assert names.get_values_for_type(x509.DNSName) == [f"{'.'.join(service)}.svc"]
    for obj in webhooks:
        plane.client.delete(obj)


def test_metacontrollers_role_is_ours_and_has_no_wildcard(installed: list[dict[str, Any]]) -> None:
    (role,) = [o for o in installed if (o["kind"], o["metadata"]["name"]) == ("ClusterRole", "metacontroller")]
    assert [rule for rule in role["rules"] if "*" in str(rule)] == []


def test_metacontroller_runs_with_the_flags_that_many_stores_need(installed: list[dict[str, Any]]) -> None:
    (stateful_set,) = [obj for obj in installed if obj["kind"] == "StatefulSet"]
    (container,) = stateful_set["spec"]["template"]["spec"]["containers"]
    assert {"--workers=20", "--client-go-qps=300", "--client-go-burst=600", "--leader-election"} <= set(
        container["args"]
    )
    assert stateful_set["spec"]["replicas"] == 2


def test_the_switch_of_pod_diagnosis_takes_that_hook_away_and_nothing_else(plane: ControlPlane, tmp_path: Path) -> None:
    copied = shutil.copytree(MANIFESTS, tmp_path / "metacontroller")
    texts = [plane.kubectl("kustomize", str(copied / name)) for name in ("platform", "without-pod-diagnosis")]
    on, off = ({(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(text)} for text in texts)
    del on["CompositeController", "stores"]["spec"]["hooks"]["customize"]
    assert off == on


def test_every_kind_of_child_has_an_update_strategy_and_a_role_for_it() -> None:
    (controller,) = shipped("controller.yaml")
    rules = {
        (group, resource)
        for obj in shipped("rbac.yaml")
        if obj["kind"] == "ClusterRole"
        for rule in obj["rules"]
        if {"create", "update", "delete"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for child in controller["spec"]["childResources"]:
        assert child["updateStrategy"] == {"method": "InPlace"}
        group = child["apiVersion"].rpartition("/")[0]
        assert (group, child["resource"]) in rules


def test_every_file_of_the_manifests_travels_in_the_package() -> None:
    source = Path(__file__).parents[2]
    for package, installed in [(name, MANIFESTS.parent / name) for name in ("metacontroller", "templates")]:
        wanted = {str(f.relative_to(source / package)) for f in (source / package).rglob("*") if f.is_file()}
        there = {str(f.relative_to(installed)) for f in installed.rglob("*") if f.is_file()}
        assert {name for name in wanted - there if "__pycache__" not in name} == set()
