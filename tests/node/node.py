"""One node: containerd, kubelet, kube-proxy, kube-router and a provisioner of volumes, as processes of this machine."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from ..cluster.components import PODS, SERVICES, Place
from ..cluster.controlplane import ControlPlane
from ..cluster.processes import Process
from ..cluster.waiting import wait_until
from . import cgroups, files, programs
from .files import NODE
from .images import Images
from .imported import lend
from .namespaces import Inside, Namespaces
from .remains import Remains

MANIFESTS = Path(__file__).with_name("manifests")
# Debian's packages that a node and its images need.
PACKAGES = ("buildah", "conntrack", "containerd", "containernetworking-plugins", "iproute2", "ipset", "iptables")
PACKAGES += ("mmdebstrap", "runc")
# In order of starting. Each is in the node's PID namespace.
ORDER = ("containerd", "kubelet", "kube-proxy", "kube-router", "local-path-provisioner")


class Node:
    """Starts on entering, stops on leaving, and leaves nothing: no process, mount, interface, rule or group.

    ``place`` is where its control plane has to run, and ``home`` the folder of all its files.

    :param images: loaded into containerd before the first pod starts.
    """

    def __init__(self, images: Images) -> None:
        self.images = images
        self.helper = images.debian().name
        self.processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="node-", dir="/var/tmp"))
        self.group = self.home.name
        self._remains = Remains(self.group, self.home)
        self.namespaces = Namespaces(self.home)
        try:
            self.namespaces.start()
            address = self.namespaces.node_address
            enter = tuple(self.namespaces.enter(processes=False))
            self.place = Place(address, enter, folder=self.home, real_nodes=True)
            # Connections from outside the cluster are answered to this machine, not to the pod.
            inside, outside = ("-s", PODS), ("!", "-d", PODS)
            self.namespaces.run(
                "iptables", "-t", "nat", "-A", "POSTROUTING", *inside, *outside, "-o", "eth0", "-j", "MASQUERADE"
            )
            cgroups.make(self.group)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.namespaces.stop()
        for process in self.processes.values():
            process.kill()  # processes that entered the namespaces end with them, and have to be waited for
        if failed := isinstance(error, Exception):
            print(f"logs of the node are kept in {self.home}", file=sys.stderr, flush=True)
        self._remains.remove(keep=failed)

    def join(self, plane: ControlPlane) -> None:
        """Register at a control plane that runs at ``place``, and wait until pods can run."""
        self.plane = plane
        self._write()
        plane.client.apply_all((MANIFESTS / "volumes.yaml").read_text())
        self.processes = {name: self._inside(name, command) for name, command in self._commands().items()}
        self.processes["containerd"].start()
        failure = self.processes["containerd"].failure
        wait_until(lambda: self.ctr("version"), "containerd answers", 120, stop_if=failure)
        for name in ("kubelet", "kube-proxy", "local-path-provisioner"):
            self.start(name)
        plane.nodes.await_ready(NODE)
        self.processes["kube-router"].start()  # it exits if its node is not registered

    def ctr(self, *arguments: str) -> str:
        """Return the output of containerd's client.

        :raise RuntimeError: it failed.
        """
        return self.namespaces.run("ctr", "--address", files.SOCKET, "--namespace", "k8s.io", *arguments)

    def kill(self, name: str) -> None:
        """Kill one of its programs as a crash would (SIGKILL); containers continue."""
        self.processes[name].kill()

    def start(self, name: str) -> None:
        """Start one of its programs again. A kubelet exits while containerd is not ready, and is started again."""
        self.processes[name].start()
        if name == "kubelet":
            wait_until(self._kubelet_answers, "the kubelet answers", 180, interval=0.2)

    def kill_everything(self) -> None:
        """Kill its programs and every container at once, as in a power failure."""
        for name in ORDER:
            self.kill(name)
        self.namespaces.kill_all()
        # A power failure also loses mounts and memory. If a control group still existed, a kubelet would ask containerd
        # for its container for 3 s, one after the other, before it starts any pod.
        cgroups.remove(self.group)
        cgroups.make(self.group)
        mounts = self.namespaces.run("cat", "/proc/mounts").splitlines()
        volumes = [line.split()[1] for line in mounts if f" {self.home}/kubelet/" in line]
        for place in (*reversed(volumes), "/run"):
            self.namespaces.run("umount", "--recursive", "--lazy", place)
        self.namespaces.run("mount", "-t", "tmpfs", "tmpfs", "/run")

    def boot(self) -> None:
        """Start all its programs, as after a power failure."""
        for name in ORDER:
            self.start(name)

    def log(self, name: str) -> Path:
        """Return the log of one of its programs."""
        return self.home / f"{name}.log"

    def volumes(self) -> Path:
        """Return the folder of volumes, as the node's processes see it."""
        return self.home / "volumes"

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fill the volumes' disk completely during the context."""
        folder = Path(f"/proc/{self.namespaces.pid}/root{self.volumes()}")
        ballast = folder / "ballast"
        with ballast.open("wb") as file:
            end, size = 0, 1 << 40
            while size:
                try:
                    os.posix_fallocate(file.fileno(), end, size)
                    end += size
                except OSError as error:
                    if error.errno not in (errno.ENOSPC, errno.EFBIG):
                        raise
                    size //= 2
        try:
            yield
        finally:
            ballast.unlink()

    def _kubelet_answers(self) -> bool:
        if not self.processes["kubelet"].pid:
            self.processes["kubelet"].start()
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://{self.place.address}:10248/healthz", timeout=2).ok

    def _inside(self, name: str, command: list[str]) -> Process:
        return Inside(name, self.namespaces, command, self.log(name))

    def _write(self) -> None:
        plane, home = self.plane, self.home
        (home / "cni").mkdir()
        (home / "bin").mkdir()
        for name in ("kubelet", "kube-proxy"):
            (home / "bin" / name).symlink_to((plane.bin_dir / "kubectl").resolve())
        (home / "cni" / "10-pods.conflist").write_text(files.network())
        root, pause = home / "containerd", self.images.pause().name
        lend(self.images.all(), root)
        state = Path("/run/containerd")
        text = files.containerd(root, pause, state=state, socket=files.SOCKET, networks=home / "cni")
        (home / "containerd.toml").write_text(text)
        authority = plane.credentials.home / "ca.crt"
        (home / "kubelet.yaml").write_text(files.kubelet(home, authority, self.place.address, self.group))
        (home / "kube-proxy.yaml").write_text(files.kube_proxy(plane.kubeconfig("node")))
        (home / "resolv.conf").write_text("")
        paths = [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(self.volumes())]}]
        (home / "volumes.json").write_text(json.dumps({"nodePathMap": paths}))

    def _commands(self) -> dict[str, list[str]]:
        home, kubeconfig = self.home, str(self.plane.kubeconfig("node"))
        return {
            "containerd": ["containerd", "--config", f"{home}/containerd.toml"],
            "kubelet": [
                f"{home}/bin/kubelet",
                f"--config={home}/kubelet.yaml",
                f"--kubeconfig={kubeconfig}",
                f"--root-dir={home}/kubelet",
                f"--cert-dir={home}/kubelet-certificates",
                f"--hostname-override={NODE}",
                f"--node-ip={self.place.address}",
            ],
            "kube-proxy": [f"{home}/bin/kube-proxy", f"--config={home}/kube-proxy.yaml"],
            "kube-router": [
                str(programs.kube_router()),
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={NODE}",
                f"--service-cluster-ip-range={SERVICES}",
                "--metrics-port=0",
                "--health-port=0",
            ],
            "local-path-provisioner": [
                str(programs.local_path_provisioner()),
                "start",
                f"--config={home}/volumes.json",
                f"--kubeconfig={kubeconfig}",
                "--provisioner-name=store-platform.test/folders",
                "--namespace=volumes",
                "--configmap-name=volumes",
                "--service-account-name=default",
                f"--helper-image={self.helper}",
                f"--helper-pod-file={MANIFESTS / 'volume-pod.yaml'}",
            ],
        }


def why_not() -> str:
    """Return why no node can run on this machine; "" if one can."""
    if sys.platform != "linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root"
    if not any(each.is_dir() for each in cgroups.folders("")):
        return f"there are no control groups at {cgroups.MOUNT}"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    if tried.returncode:
        return f"this process may make no namespaces: {tried.stderr.strip()}"
    return ""
