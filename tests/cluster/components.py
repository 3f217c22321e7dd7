"""The command lines of the control plane's programs."""

from dataclasses import dataclass
from pathlib import Path

from .credentials import Credentials

# In order of starting. They are stopped in reverse: without etcd, an API server ignores SIGTERM.
ORDER = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

# Addresses of Services, and of a real node's pods.
SERVICES, PODS = "10.0.0.0/16", "10.244.0.0/16"

# The log of every container: its program is simulated, and so is its output.
SIMULATED_LOGS = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata:
  name: simulated
spec:
  logs:
  - logsFile: {file}
    follow: true
"""

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
"""


@dataclass(frozen=True)
class Ports:
    """Ports of the address that the programs listen on."""

    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int
    scheduler: int
    kwok: int


@dataclass(frozen=True)
class Place:
    """Where the programs run.

    :param address: the one they listen on.
    :param enter: a prefix of each command, to run it in other namespaces than this process'.
    :param folder: the parent of their data and logs; by default the one for temporary files.
    :param real_nodes: real kubelets run the pods, and KWOK does not.
    """

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()
    folder: Path | None = None
    real_nodes: bool = False

    @property
    def order(self) -> tuple[str, ...]:
        """Return the programs to run, in order of starting."""
        return ORDER[:-1] if self.real_nodes else ORDER


@dataclass(frozen=True)
class NodeTimes:
    """When an unresponsive node becomes NotReady, and its pods are deleted.

    :param grace_seconds: from its last heartbeat (KWOK sends one every quarter of that) until NotReady.
    :param eviction_seconds: from then until its pods are deleted.
    """

    grace_seconds: int = 40
    eviction_seconds: int = 300


def command_lines(
    home: Path, place: Place, ports: Ports, credentials: Credentials, times: NodeTimes, stages: list[Path]
) -> dict[str, list[str]]:
    """Return each program's arguments. Client rate limits are set high: the machine is the limit."""
    etcd = f"http://{place.address}:{ports.etcd}"
    peer = f"http://{place.address}:{ports.etcd_peer}"
    certificate = f"{credentials.home}/server.pem"
    tls = [f"--tls-cert-file={certificate}", f"--tls-private-key-file={certificate}"]
    serving = [f"--bind-address={place.address}", *tls]

    def as_client(name: str) -> list[str]:
        return [f"--kubeconfig={credentials.kubeconfig(name)}"]

    def as_controller(name: str, port: int) -> list[str]:
        limits = ["--kube-api-qps=1000", "--kube-api-burst=2000"]
        return [*as_client(name), *serving, f"--secure-port={port}", "--leader-elect=false", *limits]

    return {
        "etcd": [
            f"--data-dir={home}/etcd",
            "--unsafe-no-fsync",
            "--quota-backend-bytes=8589934592",  # the default is 2 GiB, which 10,000 stores nearly reach
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        ],
        "kube-apiserver": [
            f"--etcd-servers={etcd}",
            *serving,
            f"--secure-port={ports.apiserver}",
            f"--advertise-address={place.address}",
            # A loopback address can't be an endpoint of the Service "kubernetes".
            f"--endpoint-reconciler-type={'lease' if place.real_nodes else 'none'}",
            f"--service-cluster-ip-range={SERVICES}",
            # A node's name is not in DNS. Kubelets authorize readers of their logs with the API server.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={credentials.home}/apiserver.pem",
            f"--kubelet-client-key={credentials.home}/apiserver.pem",
            f"--token-auth-file={credentials.home}/tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={credentials.home}/service-account.pub",
            f"--service-account-signing-key-file={credentials.home}/service-account.key",
            "--authorization-mode=RBAC",
            f"--default-not-ready-toleration-seconds={times.eviction_seconds}",
            f"--default-unreachable-toleration-seconds={times.eviction_seconds}",
            f"--audit-policy-file={home}/audit-policy.yaml",
            f"--audit-log-path={home}/audit.log",
            "--audit-log-maxsize=0",
            "--max-requests-inflight=1000",
            "--max-mutating-requests-inflight=1000",
        ],
        "kube-controller-manager": [
            *as_controller("kube-controller-manager", ports.controller_manager),
            f"--service-account-private-key-file={credentials.home}/service-account.key",
            f"--root-ca-file={credentials.home}/ca.crt",
            "--node-monitor-period=1s",
            f"--node-monitor-grace-period={times.grace_seconds}s",
            *(["--allocate-node-cidrs", f"--cluster-cidr={PODS}"] if place.real_nodes else []),
        ],
        "kube-scheduler": as_controller("kube-scheduler", ports.scheduler),
        "kwok": [
            *as_client("kwok"),
            "--manage-all-nodes",
            f"--node-lease-duration-seconds={times.grace_seconds}",
            f"--server-address=127.0.0.1:{ports.kwok}",
            # It is also the kubelet from which the API server reads logs.
            "--node-ip=127.0.0.1",
            f"--node-port={ports.kwok}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={certificate}",
            f"--config={home}/logs.yaml",
            *(f"--config={stage}" for stage in stages),
        ],
    }
