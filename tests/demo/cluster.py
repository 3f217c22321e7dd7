"""A cluster as the demo uses it: a kubeconfig, and a kubectl."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class DemoError(Exception):
    """The demo can't continue; the message says why and what to do."""


@dataclass(frozen=True)
class Kubectl:
    """A kubectl and its environment; ``bin_dir`` is its folder."""

    kubeconfig: Path
    bin_dir: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Return kubectl's output.

        :raise DemoError: it failed; the message contains its error.
        """
        return run(str(self.bin_dir / "kubectl"), *arguments, stdin=stdin, KUBECONFIG=str(self.kubeconfig))


@dataclass(frozen=True)
class Cluster(Kubectl):
    """``api``: the intent API's address.

    ``tokens``: an "owner"'s and an "admin"'s; ``links``: for signing each of them in at the dashboard. ``base_url``:
    the ingress controller's, "" if there is none. ``port``: what a browser on this machine appends to a store's
    address, such as ":8080". ``mailbox``: shows the mails sent by the platform's relay, "" if there is none.
    ``payments``: an owner's keys of the payment provider, empty if there is none.
    """

    api: str
    tokens: Mapping[str, str]
    links: Mapping[str, str]
    base_url: str = ""
    port: str = ""
    mailbox: str = ""
    payments: Mapping[str, str] = field(default_factory=dict)

    def stores(self) -> list[dict[str, Any]]:
        """Return all Stores, by name."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", "stores", "-o", "json"))["items"]
        return items


def run(*command: str, stdin: str | None = None, **environment: str) -> str:
    """Return a command's output.

    :raise DemoError: it failed; the message contains its error.
    """
    done = subprocess.run(command, env={**os.environ, **environment}, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
