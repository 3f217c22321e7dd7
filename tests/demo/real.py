"""The demo on a real node: everything runs as processes of this machine, in namespaces of their own."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from tests.api.server import USERS, token_of
from tests.charts.helm import NAMESPACE, HelmError
from tests.cluster.gomodule import BuildError
from tests.cluster.waiting import WaitTimeout
from tests.debian import PackagesMissing, missing, need
from tests.node.cluster import DOMAIN
from tests.node.cluster import cluster as node_cluster
from tests.node.images import ImageError
from tests.node.node import PACKAGES, why_not
from tests.node.trial import refused
from tests.shop.stripe import KEYS

from .cluster import Cluster, DemoError
from .forward import forwarded
from .mailbox import mailbox
from .provider import PayingImages, provider

# Failures while it is created that are not bugs of this program.
FAILURES = (BuildError, HelmError, ImageError, PackagesMissing, WaitTimeout)

LINKS = "sign-in-links"
# One machine carries what would be several nodes: each plan requests little, and may use up to its limits.
LITTLE = {
    "database": {"requests": {"cpu": "50m", "memory": "128Mi"}},
    "backend": {"requests": {"cpu": "100m", "memory": "320Mi"}},
    "storefront": {"requests": {"cpu": "25m", "memory": "64Mi"}},
}

__all__ = ["agreed", "cluster", "why_not"]


def agreed(console: Console, yes: bool) -> bool:
    """Show what is done to this machine, and return whether its user agrees.

    :param yes: they have agreed already.
    """
    console.print("The demo can run the stores for real, in containers on a node of this machine's own processes.")
    console.print(f"It installs these packages: {', '.join(missing(*PACKAGES)) or 'none, all are here'}.")
    console.print(
        "It builds programs and images into ~/.cache/store-platform (about 5 GB, half an hour the first time)."
    )
    console.print(
        "While it runs it has one network interface and one control group. Ctrl-C removes both, and all data."
    )
    if yes:
        return True
    if not sys.stdin.isatty():
        console.print("Nobody can be asked here: ARGS=--yes agrees. Containers are simulated instead.")
        return False
    return console.input("Continue? (y: yes, anything else: simulate the containers) ").strip().lower() in ("y", "yes")


@contextmanager
def cluster(console: Console) -> Iterator[Cluster]:
    """A node with the platform, installed by the chart; nothing is left afterwards."""
    try:
        console.print("Installing packages, building programs and images ...")
        need(*PACKAGES)
        if reason := refused():
            raise DemoError(f"no real node is possible here: {reason}. ARGS=--simulated simulates the containers")
        images = PayingImages()
        images.all()
        words = {name: secrets.token_urlsafe(32) for name in ("owner", "admin")}
        console.print("Starting the node and installing the platform ...")
        with (
            node_cluster(images, users=USERS, values=_values(), prepare=lambda plane: _prepare(plane, words)) as real,
            forwarded(real.node.place.address) as port,
            provider(real.node),
            mailbox(real.mail) as mails,
        ):
            at = "" if port == 80 else f":{port}"
            api, dashboard = f"http://api.{DOMAIN}{at}", f"http://dashboard.{DOMAIN}{at}"
            plane = real.plane
            tokens = {"owner": token_of(plane, "ann"), "admin": token_of(plane, "ada")}
            links = {name: f"{dashboard}/signin/link/{word}" for name, word in words.items()}
            yield Cluster(plane.kubeconfig("admin"), plane.bin_dir, api, tokens, links, real.base_url, at, mails, KEYS)
    except FAILURES as error:
        raise DemoError(str(error)) from error


def _values() -> dict[str, Any]:
    plans = {name: {"resources": LITTLE} for name in ("medium", "large")}
    return {"hooks": {"settings": {"plans": plans}}, "dashboard": {"linksSecret": LINKS}}


def _prepare(plane: Any, words: dict[str, str]) -> None:
    """Create sign-in links for the dashboard, for as long as the demo runs."""
    tokens = {"owner": token_of(plane, "ann"), "admin": token_of(plane, "ada")}
    links = {"links": {words[name]: token for name, token in tokens.items()}}
    metadata = {"name": LINKS, "namespace": NAMESPACE}
    text = {"links.yaml": json.dumps(links)}
    plane.client.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": text})
