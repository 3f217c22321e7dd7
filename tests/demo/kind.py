"""The demo in a kind cluster: official Metacontroller, containers that run."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from storeplatform.metacontroller import MANIFESTS

from .cluster import Cluster, run

NAME = "store-platform-demo"
IMAGE = "store-platform:0.1.0"
ROOT = Path(__file__).parents[2]
BUILD_IMAGES = str(ROOT / "templates" / "build-images")


def docker_runs() -> bool:
    """Whether there is a Docker engine behind the client."""
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@contextmanager
def cluster(console: Console) -> Iterator[Cluster]:
    """A kind cluster with Metacontroller and the platform in it, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="store-platform-demo-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        kind = ("kind", "--name", NAME, "--kubeconfig", str(kubeconfig))
        try:
            console.print("Making a kind cluster ...")
            run("kind", "create", "cluster", *kind[1:], "--config", str(Path(__file__).with_name("kind.yaml")))
            console.print("Building the platform's image ...")
            run("docker", "build", "--tag", IMAGE, str(ROOT))
            run("kind", "load", "docker-image", IMAGE, "--name", NAME)
            _load_shops(console)
            made = Cluster(kubeconfig, Path(str(shutil.which("kubectl"))).parent)
            _install(made, console)
            yield made
        finally:
            run("kind", "delete", "cluster", *kind[1:])


def _load_shops(console: Console) -> None:
    """What the demo's stores run, built here: no registry has it."""
    console.print("Building the shops' images (some minutes the first time) ...")
    medusa = [image for image in run(BUILD_IMAGES, "--list").split() if image.startswith("store-medusa-")]
    run(BUILD_IMAGES, *[image.partition(":")[0] for image in medusa], BUILDER="docker")
    run("kind", "load", "docker-image", *medusa, "--name", NAME)


def _install(cluster: Cluster, console: Console) -> None:
    console.print("Installing Metacontroller and the platform ...")
    platform = MANIFESTS / "platform"
    cluster.kubectl("apply", "-f", str(platform / "namespaces.yaml"))
    for name, key, value in (
        ("root-key", "key", secrets.token_hex(32)),
        ("hooks-token", "token", secrets.token_hex(32)),
    ):
        secret = ("create", "secret", "generic", name, "--namespace=store-platform", f"--from-file={key}=/dev/stdin")
        cluster.kubectl(*secret, stdin=value)
    # First alone: until its CRDs are served, a CompositeController is nothing the API server knows.
    cluster.kubectl("apply", "--server-side", "-k", str(MANIFESTS / "upstream"))
    cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd/compositecontrollers.metacontroller.k8s.io"
    )
    cluster.kubectl("apply", "--server-side", "-k", str(platform))
    cluster.kubectl("rollout", "status", "--timeout=180s", "--namespace=store-platform", "deployment/hooks")
    cluster.kubectl("rollout", "status", "--timeout=180s", "--namespace=metacontroller", "statefulset/metacontroller")
