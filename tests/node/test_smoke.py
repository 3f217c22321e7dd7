"""The smoke test passes completely on a real node, and leaves nothing: not in etcd, in containerd, or on disk."""

from __future__ import annotations

import re

from ..cluster.waiting import wait_until
from .cluster import Cluster
from .smoke import Smoke


def test_every_step_passes(smoke: Smoke) -> None:
    code, output = smoke.result()
    lines = output.splitlines()
    assert code == 0, output
    assert [line for line in lines[:-1] if not line.startswith("passed: ")] == []
    assert lines[-1].endswith(" steps passed, 0 were not run: none")


def test_nothing_of_its_stores_is_left(smoke: Smoke, real: Cluster) -> None:
    (name,) = set(re.findall("smoke-[0-9a-f]{6}", smoke.result().output))

    def in_containerd() -> list[str]:
        namespaces = f'labels."io.kubernetes.pod.namespace"~="^store-{name}"'
        return real.node.ctr("containers", "list", "--quiet", namespaces).split()

    def on_disk() -> list[str]:
        return [line for line in real.node.namespaces.run("ls", str(real.node.volumes())).split() if name in line]

    def in_etcd() -> list[str]:
        return [key for key in real.plane.stored_keys() if name in key and "/events/" not in key]

    wait_until(lambda: not in_containerd(), "containerd has no container of them", 60)
    wait_until(lambda: not on_disk(), "the disk has no volume of them", 60)
    wait_until(lambda: not in_etcd(), "etcd has nothing of them", 60)
