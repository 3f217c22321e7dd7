"""Fixtures of the control plane's own tests."""

from .fixtures import binary, client, cluster, namespace

__all__ = ["binary", "client", "cluster", "namespace"]
