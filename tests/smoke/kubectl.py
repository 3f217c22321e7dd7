"""kubectl with the current kubeconfig."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache


class KubectlError(Exception):
    """kubectl failed; the message is its error."""


@dataclass(frozen=True)
class Kubectl:
    """The kubectl on PATH."""

    program: str = "kubectl"

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Return its output.

        :raise KubectlError: it failed.
        """
        done = subprocess.run([self.program, *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise KubectlError(done.stderr.strip() or f"kubectl {arguments[0]} ended with {done.returncode}")
        return done.stdout

    @cache  # noqa: B019 - it lives as long as the process
    def containers_are_simulated(self) -> bool:
        """Whether every node is one of KWOK's, whose pods are reported as running and do not run."""
        nodes = json.loads(self.run("get", "nodes", "-o", "json"))["items"]
        kubelets = [node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes]
        return bool(kubelets) and all(kubelet.startswith(("kwok-", "fake")) for kubelet in kubelets)

    def user(self) -> str:
        """Return the caller's user name in the cluster.

        :raise KubectlError: it failed.
        """
        return self.run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
