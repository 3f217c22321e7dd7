"""kubectl, by whatever kubeconfig it goes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache


class KubectlError(Exception):
    """kubectl refused; the message is what it said."""


@dataclass(frozen=True)
class Kubectl:
    """The one on PATH."""

    program: str = "kubectl"

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What it prints. :raise KubectlError: it failed."""
        done = subprocess.run([self.program, *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise KubectlError(done.stderr.strip() or f"kubectl {arguments[0]} ended with {done.returncode}")
        return done.stdout

    @cache  # noqa: B019 - it lives as long as the process
    def containers_are_played(self) -> bool:
        """Whether every node is one of KWOK's, whose pods are said to run and do not."""
        nodes = json.loads(self.run("get", "nodes", "-o", "json"))["items"]
        kubelets = [node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes]
        return bool(kubelets) and all(kubelet.startswith(("kwok-", "fake")) for kubelet in kubelets)

    def user(self) -> str:
        """The name that the cluster knows the caller by. :raise KubectlError: it failed."""
        return self.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
