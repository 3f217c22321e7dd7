"""The credentials of one control plane: certificate authority, tokens and kubeconfigs."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import trustme
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

METACONTROLLER_ACCOUNT = "system:serviceaccount:metacontroller:metacontroller"


@dataclass(frozen=True)
class User:
    """A user that the API server authenticates by token. RBAC decides by `username` and `groups`."""

    username: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", ("system:masters",))
METACONTROLLER = User(
    METACONTROLLER_ACCOUNT,
    ("system:serviceaccounts", "system:serviceaccounts:metacontroller", "system:authenticated"),
)
COMPONENTS = {
    name: User(username, ("system:masters",))
    for name, username in {
        "kube-controller-manager": "system:kube-controller-manager",
        "kube-scheduler": "system:kube-scheduler",
        "kwok": "system:kwok",
        "node": "system:node:node",
    }.items()
}


class Credentials:
    """Files below `home`: certificates, service account keys, `tokens.csv` and a `<user>.kubeconfig` for each user.

    :param server: the API server's URL.
    :param users: by the short name used for kubeconfigs.
    """

    def __init__(self, home: Path, server: str, users: dict[str, User]) -> None:
        self.home = home
        self.server = server
        self._write_certificates(str(urlsplit(server).hostname))
        self._write_service_account_keys()
        tokens = {name: secrets.token_hex(16) for name in users}
        self._write("tokens.csv", "".join(_row(tokens[name], name, user) for name, user in users.items()))
        for name, token in tokens.items():
            self._write(f"{name}.kubeconfig", yaml.safe_dump(self._kubeconfig(name, token)))

    def kubeconfig(self, user: str) -> Path:
        """Return the path of a user's kubeconfig.

        :raise KeyError: the control plane was started without that user.
        """
        path = self.home / f"{user}.kubeconfig"
        if not path.exists():
            known = ", ".join(sorted(each.stem for each in self.home.glob("*.kubeconfig")))
            raise KeyError(f"there is no user {user!r}, only {known}; name it in ControlPlane(users=...)")
        return path

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.touch(0o600)
        path.write_text(text)

    def _write_certificates(self, address: str) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.home / "ca.crt")
        names = dict.fromkeys([address, "127.0.0.1", "localhost", "kubernetes.default.svc", "10.0.0.1"])
        certificate = authority.issue_cert(*names)
        certificate.private_key_and_cert_chain_pem.write_to_path(self.home / "server.pem")
        client = authority.issue_cert(
            "kube-apiserver", common_name="kube-apiserver", organization_name="system:masters"
        )
        client.private_key_and_cert_chain_pem.write_to_path(self.home / "apiserver.pem")

    def _write_service_account_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._write("service-account.key", private.decode())
        self._write("service-account.pub", public.decode())

    def _kubeconfig(self, name: str, token: str) -> dict[str, object]:
        cluster = {"server": self.server, "certificate-authority": str(self.home / "ca.crt")}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": name}}],
            "current-context": "local",
        }


def _row(token: str, uid: str, user: User) -> str:
    return f'{token},"{user.username}",{uid},"{",".join(user.groups)}"\n'
