"""A cluster of one real node with the platform installed by its chart: nothing is simulated."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..backup.targets import BUCKET, S3Server
from ..charts.helm import NAMESPACE, RELEASE, Helm, build, copy_chart
from ..cluster.controlplane import ControlPlane
from ..cluster.credentials import User
from ..shop.mail_server import USER
from ..shop.mailbox import MailServer
from .images import Images
from .node import MANIFESTS, Node

DOMAIN = "stores.localhost"
STORAGE_CLASS = "folders"
MAIL_DOMAIN = "mail.example.com"
MAIL_CREDENTIALS = "mail-server"


@dataclass(frozen=True)
class Cluster:
    """A running cluster. ``base_url`` is its ingress controller's address."""

    node: Node
    plane: ControlPlane
    s3: S3Server
    mail: MailServer
    helm: Helm
    chart: Path
    values: Path
    base_url: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Return kubectl's output, as an admin.

        :raise CalledProcessError: it failed.
        """
        return self.plane.kubectl(*arguments, stdin=stdin)

    def upgrade(self, *options: str) -> None:
        """Install the platform, or upgrade it with other values."""
        files = [f"--values={self.chart / 'values-local.yaml'}", f"--values={self.values}"]
        here = (f"--namespace={NAMESPACE}", "--wait", "--timeout=300s")
        self.helm.run("upgrade", "--install", RELEASE, str(self.chart), *files, *here, *options)


@contextmanager
def cluster(
    images: Images,
    *,
    users: Mapping[str, User] | None = None,
    values: Mapping[str, Any] | None = None,
    prepare: Callable[[ControlPlane], None] = lambda _: None,
) -> Iterator[Cluster]:
    """Create it; nothing is left of it afterwards.

    :param users: more users of the API server.
    :param values: of the chart, overriding the tests' own.
    :param prepare: prepares what else must exist before the chart is installed.
    """
    with ExitStack() as stack:
        node = stack.enter_context(Node(images))
        plane = stack.enter_context(ControlPlane(place=node.place, users=users))
        node.join(plane)
        plane.client.apply_all((MANIFESTS / "dns.yaml").read_text())
        plane.client.apply_all((MANIFESTS / "ingress.yaml").read_text())
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ingress", "namespace": "ingress-nginx"}}
        plane.client.patch(service, {"spec": {"externalIPs": [node.place.address]}})
        folder = node.home / "platform"  # for the chart, its values, and logs
        folder.mkdir()
        s3 = S3Server(folder, node.namespaces.address)
        stack.callback(s3.process.kill)
        s3.start()
        mails = node.home / "mails"
        mails.mkdir()
        mail = MailServer(mails, secrets.token_urlsafe(24), address=node.namespaces.address)
        stack.callback(mail.stop)
        mail.start()
        made = Cluster(
            node,
            plane,
            s3,
            mail,
            Helm(build(), folder / "helm", plane.kubeconfig("admin")),
            copy_chart(folder),
            folder / "values.yaml",
            f"http://{node.place.address}",
        )
        made.values.write_text(yaml.safe_dump(merged(_values(s3, mail), values or {})))
        _prepare(made)
        prepare(plane)
        made.upgrade()
        yield made


def _values(s3: S3Server, mail: MailServer) -> dict[str, Any]:
    return {
        "hooks": {
            "settings": {
                "domain": DOMAIN,
                "storage": {"className": STORAGE_CLASS},
                "backup": {"s3": {"endpoint": s3.endpoint, "bucket": BUCKET, "region": "us-east-1"}},
                "mail": {"senderDomain": MAIL_DOMAIN},
            }
        },
        "relay": {
            "credentialsSecret": MAIL_CREDENTIALS,
            "settings": {"server": {"host": mail.host, "port": mail.port, "tls": "starttls"}},
        },
        "api": {"host": f"api.{DOMAIN}", "settings": {"quota": {"owner": 20, "global": 50}}},
        "dashboard": {"host": f"dashboard.{DOMAIN}"},
    }


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return values overridden by others, as Helm merges them."""
    both = {**under, **over}
    for name in under.keys() & over.keys():
        if isinstance(under[name], Mapping) and isinstance(over[name], Mapping):
            both[name] = merged(under[name], over[name])
    return both


def _prepare(made: Cluster) -> None:
    """Create what the chart expects: its namespace, and the credentials of the object store and the mail server."""
    client = made.plane.client
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    keys = yaml.safe_dump({"accessKeyId": "an-id", "secretAccessKey": "a-key"})
    account = {"username": USER, "password": made.mail.password, "ca.crt": made.mail.certificate}
    for name, data in (("s3-credentials", {"credentials.yaml": keys}), (MAIL_CREDENTIALS, account)):
        metadata = {"name": name, "namespace": NAMESPACE}
        client.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


__all__ = ["Cluster", "cluster", "merged"]
