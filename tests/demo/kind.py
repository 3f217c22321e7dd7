"""The demo in a kind cluster: official Metacontroller, containers that run."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trustme
from rich.console import Console

from storeplatform.metacontroller import MANIFESTS

from .cluster import Cluster, DemoError, Kubectl, run

NAME = "store-platform-demo"
IMAGE = "store-platform:0.1.0"
# The callers of the demo are service accounts; the groups of those are their namespaces.
NAMESPACES = {"owner": "demo-owners", "admin": "demo-admins"}
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
            kubectl = Kubectl(kubeconfig, Path(str(shutil.which("kubectl"))).parent)
            _install(kubectl, console)
            tokens = {name: _token(kubectl, namespace) for name, namespace in NAMESPACES.items()}
            words = {name: secrets.token_urlsafe(32) for name in tokens}
            _give_links(kubectl, {word: tokens[name] for name, word in words.items()})
            with _forwarded(kubectl, "api") as api, _forwarded(kubectl, "dashboard") as dashboard:
                links = {name: f"{dashboard}/signin/link/{word}" for name, word in words.items()}
                yield Cluster(kubeconfig, kubectl.bin_dir, api, tokens, links)
        finally:
            run("kind", "delete", "cluster", *kind[1:])


def _load_shops(console: Console) -> None:
    """What the demo's stores run, built here: no registry has it."""
    console.print("Building the shops' images (some minutes the first time) ...")
    medusa = [image for image in run(BUILD_IMAGES, "--list").split() if image.startswith("store-medusa-")]
    run(BUILD_IMAGES, *[image.partition(":")[0] for image in medusa], BUILDER="docker")
    run("kind", "load", "docker-image", *medusa, "--name", NAME)


def _install(cluster: Kubectl, console: Console) -> None:
    console.print("Installing Metacontroller and the platform ...")
    platform = MANIFESTS / "platform"
    cluster.kubectl("apply", "-f", str(platform / "namespaces.yaml"))
    for name, key, value in (
        ("root-key", "key", secrets.token_hex(32)),
        ("hooks-token", "token", secrets.token_hex(32)),
        ("dashboard-key", "key", secrets.token_hex(32)),
    ):
        secret = ("create", "secret", "generic", name, "--namespace=store-platform", f"--from-file={key}=/dev/stdin")
        cluster.kubectl(*secret, stdin=value)
    authority = trustme.CA()
    _make_gate_secret(cluster, authority)
    # First alone: until its CRDs are served, a CompositeController is nothing the API server knows.
    cluster.kubectl("apply", "--server-side", "-k", str(MANIFESTS / "upstream"))
    cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd/compositecontrollers.metacontroller.k8s.io"
    )
    with _with_demo_admins(platform) as folder:
        cluster.kubectl("apply", "--server-side", "-k", str(folder))
    for kind, webhooks in (("validating", 3), ("mutating", 1)):
        _trust_gate(cluster, authority, f"{kind}webhookconfiguration", webhooks)
    cluster.kubectl("rollout", "status", "--timeout=180s", "--namespace=store-platform", "deployment/hooks")
    cluster.kubectl("rollout", "status", "--timeout=180s", "--namespace=store-platform", "deployment/api")
    cluster.kubectl("rollout", "status", "--timeout=180s", "--namespace=metacontroller", "statefulset/metacontroller")


def _make_gate_secret(cluster: Kubectl, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("gate.store-platform.svc")
    with tempfile.TemporaryDirectory(prefix="store-platform-demo-") as folder:
        files = {"cert": certificate.cert_chain_pems[0], "key": certificate.private_key_pem}
        for name, content in files.items():
            content.write_to_path(Path(folder) / name)
        secret = ("create", "secret", "tls", "gate-tls", "--namespace=store-platform")
        cluster.kubectl(*secret, *(f"--{name}={folder}/{name}" for name in files))


def _trust_gate(cluster: Kubectl, authority: trustme.CA, kind: str, webhooks: int) -> None:
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    paths = [f"/webhooks/{index}/clientConfig/caBundle" for index in range(webhooks)]
    patch = json.dumps([{"op": "add", "path": path, "value": bundle} for path in paths])
    cluster.kubectl("patch", kind, "store-gate", "--type=json", f"--patch={patch}")


@contextmanager
def _with_demo_admins(platform: Path) -> Iterator[Path]:
    """The platform's manifests, where the demo's own admins are admins of the API."""
    with tempfile.TemporaryDirectory(prefix="store-platform-demo-") as home:
        folder = Path(shutil.copytree(platform, Path(home) / "platform"))
        file = folder / "api-settings.yaml"
        named = f"admin: [store-platform:admins, system:serviceaccounts:{NAMESPACES['admin']}]"
        file.write_text(file.read_text().replace("admin: [store-platform:admins]", named))
        yield folder


def _token(cluster: Kubectl, namespace: str) -> str:
    cluster.kubectl("create", "namespace", namespace)
    cluster.kubectl("create", "serviceaccount", "caller", f"--namespace={namespace}")
    return cluster.kubectl("create", "token", "caller", f"--namespace={namespace}", "--duration=24h").strip()


def _give_links(cluster: Kubectl, links: Mapping[str, str]) -> None:
    """Links that sign in at the dashboard, for as long as the cluster is there."""
    words = json.dumps({"links": links})
    secret = (
        "create",
        "secret",
        "generic",
        "sign-in-links",
        "--namespace=store-platform",
        "--from-file=links.yaml=/dev/stdin",
    )
    cluster.kubectl(*secret, stdin=words)
    file = "/etc/store-platform-links/links.yaml"
    container = {
        "name": "dashboard",
        "env": [{"name": "STORE_PLATFORM_SIGN_IN_LINKS_FILE", "value": file}],
        "volumeMounts": [{"name": "links", "mountPath": str(Path(file).parent), "readOnly": True}],
    }
    volumes = [{"name": "links", "secret": {"secretName": "sign-in-links", "defaultMode": 0o440}}]
    patch = {"spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}
    deployment = ("deployment/dashboard", "--namespace=store-platform")
    cluster.kubectl("patch", *deployment, f"--patch={json.dumps(patch)}")
    cluster.kubectl("rollout", "status", "--timeout=180s", *deployment)


@contextmanager
def _forwarded(cluster: Kubectl, service: str) -> Iterator[str]:
    """Where one of the platform's services answers on this machine meanwhile."""
    command = [
        str(cluster.bin_dir / "kubectl"),
        "port-forward",
        "--namespace=store-platform",
        f"service/{service}",
        ":80",
    ]
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            line = forwarding.stdout.readline() if forwarding.stdout else ""
            if not (found := re.search(r"127\.0\.0\.1:(\d+)", line)):
                raise DemoError(f"kubectl can't forward a port to the {service}: {line.strip() or 'it ended'}")
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            forwarding.terminate()
