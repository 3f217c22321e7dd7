"""Upgrade the platform while stores are being created: all are created, and existing ones are unchanged."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..cluster.controlplane import ControlPlane
from ..cluster.credentials import METACONTROLLER_ACCOUNT
from ..cluster.waiting import wait_until
from ..stores.gate import API_USER, Gate
from ..stores.platform import API, Platform, shipped
from .helm import HERE, NAMESPACE, RELEASE, Helm, next_release

# The user as which the tests' controller calls.
WHERE = "--set=metacontroller.namespaceOverride=metacontroller"
NAMES = [f"shop-{number}" for number in range(50)]


class Installation:
    """The chart on a control plane, using the hooks and the gate of this machine."""

    def __init__(self, helm: Helm, platform: Platform, gate: Gate) -> None:
        self.helm, self.platform, self.gate = helm, platform, gate

    def install(self, chart: Path) -> None:
        """Replaces what the tests' own harness applied, whose fields would stay its own."""
        (controller,) = shipped("controller.yaml")
        self.platform.client.delete(controller)
        # The chart keeps an existing token: the one that this machine's gate expects.
        token = {"token": base64.b64encode(self.gate.token.encode()).decode()}
        metadata = {"name": "gate-token", "namespace": NAMESPACE}
        self.platform.client.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": token})
        self._run("install", chart, "--take-ownership")

    def upgrade(self, chart: Path, *options: str) -> None:
        """Upgrade like ``helm upgrade`` does, replacing the hooks and the gate one after the other."""
        self._run("upgrade", chart, *options)
        self.platform.hooks.stop()
        self.platform.start_hooks()
        for process in self.gate.processes:
            process.stop()
            self.gate.start()

    def _run(self, action: str, chart: Path, *options: str) -> None:
        bundle = base64.b64encode(self.gate.authority.cert_pem.bytes()).decode()
        here = (f"--namespace={NAMESPACE}", "--post-renderer=local", "--force-conflicts", WHERE)
        local = {"LOCAL_HOOKS": self.platform.url, "LOCAL_GATE": self.gate.url, "LOCAL_CA": bundle}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.helm.run(
            action, RELEASE, str(chart), *here, *options, HELM_PLUGINS=str(HERE / "plugins"), PATH=path, **local
        )


@pytest.fixture
def installation(binary: object, program: Path, tmp_path: Path) -> Iterator[Installation]:
    with (
        ControlPlane(users=API_USER) as plane,
        Platform(plane) as platform,
        Gate(plane, processes=2) as gate,
    ):
        yield Installation(Helm(program, tmp_path / "helm", plane.kubeconfig("admin")), platform, gate)


def test_an_upgrade_during_creations_disturbs_none_and_rewrites_nothing(
    installation: Installation, chart: Path, tmp_path: Path
) -> None:
    platform = installation.platform
    installation.install(chart)
    newer = next_release(chart, tmp_path)

    def make(name: str) -> None:
        store = {"apiVersion": API, "kind": "Store", "metadata": {"name": name}}
        platform.client.create({**store, "spec": {"engine": "medusa", "owner": f"owner-of-{name}"}})

    with ThreadPoolExecutor(4) as pool:
        made = pool.map(make, NAMES[:25])
        before = wait_until(lambda: len(found := platform.in_phase("Ready")) > 5 and found, "some are Ready", 120)
        mark = platform.plane.audit.mark()
        there = {name: {c["metadata"]["uid"] for c in platform.children(name)} for name in before}
        meanwhile = pool.map(make, NAMES[25:])
        installation.upgrade(newer, "--set=podDiagnosis=false", "--set=hooks.replicas=3")
        assert [*made, *meanwhile] == [None] * len(NAMES)
    wait_until(lambda: platform.in_phase("Ready") == set(NAMES), "all are Ready", 300)
    for name, uids in there.items():
        assert {c["metadata"]["uid"] for c in platform.children(name)} == uids
    spaces = {f"store-{name}" for name in before}
    writes = [
        each
        for each in platform.plane.audit.writes(mark)
        if each.user == METACONTROLLER_ACCOUNT and (each.namespace in spaces or each.name in spaces)
    ]
    assert writes == []
    (controller,) = platform.client.list_all("metacontroller.k8s.io/v1alpha1", "CompositeController")
    assert set(controller["spec"]["hooks"]) == {"sync", "finalize"}
