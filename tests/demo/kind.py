"""The demo in a kind cluster: the chart, official Metacontroller, an ingress controller, real containers."""

from __future__ import annotations

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
import yaml
from rich.console import Console

from tests.charts.helm import build
from tests.values import CHART

from .cluster import Cluster, DemoError, Kubectl, run

NAME = "store-platform-demo"
IMAGE = "store-platform:0.1.0"
# The callers of the demo are service accounts; their groups are those of their namespaces.
NAMESPACES = {"owner": "demo-owners", "admin": "demo-admins"}
LINKS = "sign-in-links"
# The namespace of mail.yaml, and its mail server's host.
MAIL = "demo-mail"
MAIL_HOST = f"mail.{MAIL}"
# ingress-nginx's manifests for kind, with host ports.
INGRESS_NGINX = "https://raw.githubusercontent.com/kubernetes/ingress-nginx/controller-v1.13.3/deploy/static/provider/kind/deploy.yaml"
# The address at which kind.yaml makes it reachable.
BASE_URL = "http://127.0.0.1"
ROOT = Path(__file__).parents[2]
BUILD_IMAGES = str(ROOT / "templates" / "build-images")


def docker_runs() -> bool:
    """Whether a Docker engine is running."""
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


@contextmanager
def cluster(console: Console) -> Iterator[Cluster]:
    """A kind cluster with Metacontroller and the platform, deleted afterwards."""
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
            tokens = {name: _token(kubectl, namespace) for name, namespace in NAMESPACES.items()}
            words = {name: secrets.token_urlsafe(32) for name in tokens}
            kubectl.kubectl("create", "namespace", "store-platform")
            kubectl.kubectl("label", "namespace", "store-platform", "pod-security.kubernetes.io/enforce=restricted")
            _give_links(kubectl, {word: tokens[name] for name, word in words.items()})
            _take_mails(kubectl)
            _install(kubectl, console, Path(folder))
            with (
                _forwarded(kubectl, "api") as api,
                _forwarded(kubectl, "dashboard") as dashboard,
                _forwarded(kubectl, "mail", MAIL) as mailbox,
            ):
                links = {name: f"{dashboard}/signin/link/{word}" for name, word in words.items()}
                yield Cluster(kubeconfig, kubectl.bin_dir, api, tokens, links, BASE_URL, mailbox=mailbox)
        finally:
            run("kind", "delete", "cluster", *kind[1:])


def _load_shops(console: Console) -> None:
    """Build and load the images of the demo's stores: no registry has them."""
    console.print("Building the shops' images (some minutes the first time) ...")
    medusa = [image for image in run(BUILD_IMAGES, "--list").split() if image.startswith("store-medusa-")]
    run(BUILD_IMAGES, *[image.partition(":")[0] for image in medusa], BUILDER="docker")
    run("kind", "load", "docker-image", *medusa, "--name", NAME)


def _take_mails(cluster: Kubectl) -> None:
    """A mail server that the platform's relay passes mails on to."""
    authority = trustme.CA()
    issued = authority.issue_cert(MAIL_HOST)
    certificate = {
        "tls.crt": b"".join(each.bytes() for each in issued.cert_chain_pems).decode(),
        "tls.key": issued.private_key_pem.bytes().decode(),
    }
    credentials = {
        "username": "relay",
        "password": secrets.token_urlsafe(),
        "ca.crt": authority.cert_pem.bytes().decode(),
    }
    cluster.kubectl("apply", "-f", str(Path(__file__).with_name("mail.yaml")))
    for name, namespace, data in (("certificate", MAIL, certificate), ("mail-server", "store-platform", credentials)):
        metadata = {"name": name, "namespace": namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(secret))


def _install(cluster: Kubectl, console: Console, folder: Path) -> None:
    console.print("Installing the ingress controller ...")
    cluster.kubectl("apply", "--server-side", "-f", INGRESS_NGINX)
    rollout = ("rollout", "status", "--timeout=300s")
    cluster.kubectl(*rollout, "--namespace=ingress-nginx", "deployment/ingress-nginx-controller")
    console.print("Installing Metacontroller and the platform ...")
    helm, chart = str(build()), Path(shutil.copytree(CHART, folder / "chart"))
    run(helm, "dependency", "build", str(chart))
    values = {
        # Accounts in the demo's own namespaces are owners and admins of the API.
        "api": {"settings": {"roles": {role: [f"system:serviceaccounts:{name}"] for role, name in NAMESPACES.items()}}},
        "dashboard": {"linksSecret": LINKS},
        "hooks": {"settings": {"mail": {"senderDomain": "mail.example.com"}}},
        "relay": {
            "credentialsSecret": "mail-server",
            "settings": {"server": {"host": MAIL_HOST, "port": 587, "tls": "starttls"}},
        },
    }
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    files = [f"--values={file}" for file in (chart / "values-local.yaml", folder / "values.yaml")]
    here = ("--namespace=store-platform", "--wait", "--timeout=300s")
    run(helm, "install", "store-platform", str(chart), *files, *here, KUBECONFIG=str(cluster.kubeconfig))


def _token(cluster: Kubectl, namespace: str) -> str:
    cluster.kubectl("create", "namespace", namespace)
    cluster.kubectl("create", "serviceaccount", "caller", f"--namespace={namespace}")
    return cluster.kubectl("create", "token", "caller", f"--namespace={namespace}", "--duration=24h").strip()


def _give_links(cluster: Kubectl, links: Mapping[str, str]) -> None:
    """Configure sign-in links for the dashboard."""
    secret = ("create", "secret", "generic", LINKS, "--namespace=store-platform", "--from-file=links.yaml=/dev/stdin")
    cluster.kubectl(*secret, stdin=json.dumps({"links": links}))


@contextmanager
def _forwarded(cluster: Kubectl, service: str, namespace: str = "store-platform") -> Iterator[str]:
    """Yield the address on this machine that a service is forwarded to."""
    command = [
        str(cluster.bin_dir / "kubectl"),
        "port-forward",
        f"--namespace={namespace}",
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
