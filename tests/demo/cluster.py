"""A cluster as the demo sees it: a kubeconfig, and a kubectl."""

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
    """A kubectl and what it goes by; ``bin_dir`` is the folder that it is in."""

    kubeconfig: Path
    bin_dir: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. :raise DemoError: it failed, with what it said."""
        return run(str(self.bin_dir / "kubectl"), *arguments, stdin=stdin, KUBECONFIG=str(self.kubeconfig))


@dataclass(frozen=True)
class Cluster(Kubectl):
    """``api`` is where the intent API answers; ``tokens`` are an "owner"'s and an "admin"'s, ``links`` sign each of
    them in at the dashboard; ``base_url`` is the ingress controller's, empty where there is none; ``port`` is what a
    browser on this machine adds to a store's address, such as ":8080"; ``mailbox`` shows what is sent by the platform's
    mail relay, empty where there is none; ``payments`` are an owner's keys of the payment provider, none where there is
    no provider."""

    api: str
    tokens: Mapping[str, str]
    links: Mapping[str, str]
    base_url: str = ""
    port: str = ""
    mailbox: str = ""
    payments: Mapping[str, str] = field(default_factory=dict)

    def stores(self) -> list[dict[str, Any]]:
        """All Stores, by name."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", "stores", "-o", "json"))["items"]
        return items


def run(*command: str, stdin: str | None = None, **environment: str) -> str:
    """What a command prints. :raise DemoError: it failed, with what it said."""
    done = subprocess.run(command, env={**os.environ, **environment}, input=stdin, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
