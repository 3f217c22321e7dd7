"""A Kubernetes control plane on this machine: etcd, API server, controllers, scheduler, and KWOK for nodes."""

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from .audit import AuditLog
from .binary import Binary, build
from .client import Client
from .components import AUDIT_POLICY, SIMULATED_LOGS, NodeTimes, Place, Ports, command_lines
from .credentials import ADMIN, COMPONENTS, METACONTROLLER, Credentials, User
from .nodes import NODE, Nodes
from .processes import Process, free_ports
from .waiting import WaitTimeout, wait_until

OWN_STAGES = Path(__file__).with_name("stages")

# KWOK's files without its StorageClass and its stage that binds volumes, which the real controller does here (see our
# own stage).
NOT_STAGES = {"storage-class.yaml", "pv-bind.yaml", "pvc-provision.yaml"}


class ControlPlane:
    """Starts on entering, stops on leaving; any number may run at once.

    :param users: more users by short name, beside `admin` and `metacontroller`; each gets a kubeconfig.
    :param times: when a silent node becomes NotReady, and when its pods are evicted.
    :param extra_stages: more KWOK Stage files. One with `spec.weight: 1` takes precedence over the built-in ones, which
    have none, so a test can make some pods fail.
    :param place: where it runs; with real nodes nothing is simulated, and there is no node until one registers.
    :param keep: keep the directory of logs and data even after success.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, User] | None = None,
        times: NodeTimes | None = None,
        extra_stages: list[Path] | None = None,
        place: Place | None = None,
        keep: bool = False,
    ) -> None:
        self.users = {"admin": ADMIN, "metacontroller": METACONTROLLER, **COMPONENTS, **(users or {})}
        self.times = times or NodeTimes()
        self.extra_stages = extra_stages or []
        self.place = place or Place()
        self.keep = keep

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(failed=isinstance(error, Exception))  # a Ctrl-C is not a failure

    def start(self) -> None:
        """Start everything, until a pod could run.

        :raise BuildError: the program could not be built.
        :raise WaitTimeout: a component did not become ready; the error names it and shows the end of its log.
        """
        binary = build()
        self.home = Path(tempfile.mkdtemp(prefix="controlplane-", dir=self.place.folder))
        try:
            self._prepare(binary)
            for name in self.place.order:
                if name == "kwok":
                    self._create_defaults(binary)
                self._processes[name].start()
                if name in ("etcd", "kube-apiserver"):
                    self._await(name)
            for name in self.place.order:
                self._await(name)
            if not self.place.real_nodes:
                self.nodes.await_ready(NODE)
        except BaseException as error:
            self.stop(failed=isinstance(error, Exception))
            raise

    def _prepare(self, binary: Binary) -> None:
        self.ports = Ports(*free_ports(6))
        if self.place.real_nodes:  # network policies allow pods' egress to the usual port only
            self.ports = replace(self.ports, apiserver=6443)
        self.server = f"https://{self.place.address}:{self.ports.apiserver}"
        self.bin_dir = self.home / "bin"
        for name in ("bin", "credentials", "logs"):
            (self.home / name).mkdir()
        for name in (*self.place.order, "kubectl"):
            (self.bin_dir / name).symlink_to(binary.program)
        (self.home / "audit-policy.yaml").write_text(AUDIT_POLICY)
        self._pod_log = self.home / "pod.log"
        self._pod_log.touch()
        (self.home / "logs.yaml").write_text(SIMULATED_LOGS.format(file=self._pod_log))
        self.audit = AuditLog(self.home / "audit.log")
        self.credentials = Credentials(self.home / "credentials", self.server, self.users)
        self.client = Client.from_kubeconfig(self.kubeconfig("admin"))
        self.nodes = Nodes(self.client, self)
        stages = [each for each in sorted(binary.stages.rglob("*.yaml")) if each.name not in NOT_STAGES]
        stages += [*sorted(OWN_STAGES.glob("*.yaml")), *self.extra_stages]
        commands = command_lines(self.home, self.place, self.ports, self.credentials, self.times, stages)
        self._processes = {
            name: Process(name, [*self.place.enter, str(self.bin_dir / name), *commands[name]], self.log(name))
            for name in self.place.order
        }

    def _create_defaults(self, binary: Binary) -> None:
        self.client.apply_all((binary.stages / "volume/fast/storage-class.yaml").read_text())
        self.nodes.create(NODE)

    def stop(self, *, failed: bool = False) -> None:
        """Stop every process, the last started first.

        The directory is removed, or kept and its path printed if `failed` or `keep`.
        """
        for name in reversed(self.place.order):
            if process := getattr(self, "_processes", {}).get(name):
                process.stop()
        if client := getattr(self, "client", None):
            client.close()
        if failed or self.keep:
            print(f"logs and data of the control plane are kept in {self.home}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(self.home)

    def kill(self, component: str) -> None:
        """Kill a component as a crash would (SIGKILL)."""
        self._processes[component].kill()

    def stop_component(self, component: str) -> None:
        """Stop a component gracefully (SIGTERM)."""
        self._processes[component].stop()

    def start_component(self, component: str) -> None:
        """Start a stopped component, and wait until it is ready."""
        process = self._processes[component]
        process.start()
        try:
            self._await(component)
        except WaitTimeout:
            # KWOK 0.8.0 may crash while it starts: two of its threads initialise the same stage. It is started again.
            if component != "kwok" or not process.failure():
                raise
            process.kill()
            process.start()
            self._await(component)

    def pids(self) -> dict[str, int]:
        """Return the process ids of the running components by name."""
        return {name: process.pid for name, process in self._processes.items() if process.pid}

    def log(self, component: str) -> Path:
        """Return the path of a component's log."""
        return self.home / "logs" / f"{component}.log"

    def print_in_pods(self, *lines: str) -> None:
        """Make every container print these lines now: its log is simulated, like its program."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with self._pod_log.open("a") as log:
            log.writelines(f"{now} stdout F {line}\n" for line in lines)

    def stored_keys(self) -> list[str]:
        """Return all keys in etcd."""
        first, after = (base64.b64encode(key).decode() for key in (b"/registry/", b"/registry0"))
        body = {"key": first, "range_end": after, "keys_only": True}
        with requests.Session() as session:
            session.trust_env = False
            url = f"http://{self.place.address}:{self.ports.etcd}/v3/kv/range"
            answer = session.post(url, json=body, timeout=30)
        answer.raise_for_status()
        return [base64.b64decode(each["key"]).decode() for each in answer.json().get("kvs", [])]

    def kubeconfig(self, user: str = "admin") -> Path:
        """Return the path of a user's kubeconfig.

        :raise KeyError: the control plane was started without that user.
        """
        return self.credentials.kubeconfig(user)

    def client_for(self, user: str) -> Client:
        """Return a client that calls as that user; the caller closes it."""
        return Client.from_kubeconfig(self.kubeconfig(user))

    def kubectl(self, *arguments: str, user: str = "admin", stdin: str | None = None) -> str:
        """Return the output of a kubectl command.

        :raise subprocess.CalledProcessError: it failed; `stderr` says why.
        """
        command = [str(self.bin_dir / "kubectl"), *arguments]
        own = {"KUBECONFIG": str(self.kubeconfig(user)), "KUBECACHEDIR": str(self.home / "kubectl")}
        environment = {**os.environ, **own}
        done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=True)
        return done.stdout

    def _await(self, component: str) -> None:
        process = self._processes[component]
        wait_until(self._probe(component), f"{component} is ready", 60, stop_if=process.failure)

    def _probe(self, component: str) -> Callable[[], bool]:
        urls = {
            "etcd": f"http://{self.place.address}:{self.ports.etcd}/health",
            "kube-apiserver": f"{self.server}/readyz",
            "kube-controller-manager": f"https://{self.place.address}:{self.ports.controller_manager}/healthz",
            "kube-scheduler": f"https://{self.place.address}:{self.ports.scheduler}/healthz",
            "kwok": f"http://127.0.0.1:{self.ports.kwok}/healthz",
        }
        authority = str(self.credentials.home / "ca.crt")

        def answers() -> bool:
            with requests.Session() as session:
                session.trust_env = False
                response = session.get(urls[component], verify=authority, timeout=2)
                response.raise_for_status()
                return True

        return answers
