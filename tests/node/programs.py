"""Programs of the node and its cluster that Debian does not have, built from the Go module proxy."""

from __future__ import annotations

from pathlib import Path

from ..cache import cached
from ..cluster.gomodule import GoModule

HERE = Path(__file__).with_name("programs")


def coredns() -> Path:
    """The cluster's DNS server."""
    return _build("coredns")


def kube_router() -> Path:
    """Enforces NetworkPolicies."""
    return _build("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router")


def local_path_provisioner() -> Path:
    """Creates volumes, as folders of the node."""
    return _build("local-path-provisioner", "github.com/rancher/local-path-provisioner")


def pause() -> Path:
    """Holds a pod's namespaces open."""
    return _build("pause")


def _build(name: str, package: str = ".") -> Path:
    module = GoModule(HERE / name, name)
    return cached(name, module.sources, lambda folder: module.compile(folder, package)) / name
