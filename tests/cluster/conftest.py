"""Fixtures of the control plane's own tests."""

from .fixtures import binary, client, cluster, namespace
from .loop_case import hook, loop, name, prepared

__all__ = ["binary", "client", "cluster", "hook", "loop", "name", "namespace", "prepared"]
