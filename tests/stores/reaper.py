"""The reaper as its CronJob runs it, with the rights of its shipped role."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User

REAPER = User(
    "system:serviceaccount:store-platform:reaper",
    ("system:serviceaccounts", "system:serviceaccounts:store-platform"),
)
# For ControlPlane(users=...).
REAPER_USER = {"reaper": REAPER}


def reap(plane: ControlPlane) -> subprocess.CompletedProcess[str]:
    """Run it once, to its end."""
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig("reaper"))}
    command = [sys.executable, "-W", "error", "-m", "storeplatform.api.reaper"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
