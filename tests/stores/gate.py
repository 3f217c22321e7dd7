"""The gate on a local control plane: its processes, and the webhooks that call them over TLS."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import trustme
import yaml
from cryptography import x509
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from storeplatform.api.audit import Audit, Record
from tests.cluster.client import Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import User
from tests.cluster.processes import Process, free_ports, whole_lines
from tests.cluster.waiting import wait_until
from tests.values import settings_of

from .balancer import Balancer
from .platform import API, apply_shipped, shipped

# The users of the gate and the intent API, for ControlPlane(users=...).
API_USER = {
    "api": User(
        "system:serviceaccount:store-platform:api",
        ("system:serviceaccounts", "system:serviceaccounts:store-platform", "system:authenticated"),
    )
}
HOST = "127.0.0.1"


class Gate:
    """Starts on entering, and stops on leaving, with its webhooks. The control plane needs ``API_USER``.

    :param processes: how many share the address, the audit's database and its spool.
    :param settings: top-level values that replace those of the shipped API settings.
    """

    def __init__(self, plane: ControlPlane, *, processes: int = 1, settings: dict[str, Any] | None = None) -> None:
        self.plane, self.client = plane, plane.client
        self.home = Path(tempfile.mkdtemp(prefix="gate-"))
        self.token = secrets.token_hex(32)
        (self.home / "token").write_text(self.token)
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(self.home / "ca.crt")
        self.write_certificate()
        ports = free_ports(2 * processes)
        self.ports, self.metrics_ports = ports[:processes], ports[processes:]
        self.balancer = Balancer(self.ports)
        self.url = f"https://{HOST}:{self.balancer.port}"
        self.settings = self._write_settings(settings or {})
        command = [sys.executable, "-W", "error", "-m", "storeplatform.api.gate"]
        self.processes = [
            Process(f"gate {index}", command, self.home / f"gate-{index}.log", self._environment(index))
            for index in range(processes)
        ]

    def __enter__(self) -> Self:
        apply_shipped(self.client)
        self.start()
        self.install_webhooks()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hooks in shipped("webhooks.yaml"):
            self.client.delete(hooks)
        self.kill()
        self.balancer.close()
        if not isinstance(error, Exception):
            shutil.rmtree(self.home)
        else:
            print(f"logs of the gate are kept in {self.home}", file=sys.stderr, flush=True)

    def start(self) -> None:
        """Start every process that does not run, and wait until it responds."""
        for process, port in zip(self.processes, self.ports, strict=True):
            if not process.pid:
                process.start()
            wait_until(lambda p=port: self.answers(p), f"{process.name} is ready", stop_if=process.failure)

    def kill(self) -> None:
        """Kill every process as a crash would."""
        for process in self.processes:
            process.kill()

    def answers(self, port: int) -> bool:
        """Whether the process at that port is ready, over TLS with a certificate of our authority."""
        return requests.get(f"https://{HOST}:{port}/readyz", verify=str(self.home / "ca.crt"), timeout=5).ok

    def serial_number(self, port: int) -> int:
        """Return the serial number of the certificate that the process at that port serves."""
        pem = ssl.get_server_certificate((HOST, port))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    def install_webhooks(self) -> None:
        """Apply the shipped webhooks, with this gate's address; they are active on return."""
        bundle = base64.b64encode(self.authority.cert_pem.bytes()).decode()
        for hooks in shipped("webhooks.yaml"):
            for webhook in hooks["webhooks"]:
                path = webhook["clientConfig"]["service"]["path"].replace("@token", self.token)
                webhook["clientConfig"] = {"url": self.url + path, "caBundle": bundle}
            self.client.apply(hooks)
        probe = {"apiVersion": API, "kind": "Store", "metadata": {"name": "asked"}}
        before = self.metric("store_gate_admissions_total")

        def asked() -> bool:
            self.client.create({**probe, "spec": {"engine": "medusa", "owner": "nobody"}}, dryRun="All")
            return self.metric("store_gate_admissions_total") > before

        wait_until(asked, "the gate is asked")

    def write_certificate(self) -> None:
        """Write a new certificate of our authority, where the processes read it."""
        certificate = self.authority.issue_cert(HOST)
        certificate.private_key_pem.write_to_path(self.home / "tls.key")
        certificate.cert_chain_pems[0].write_to_path(self.home / "tls.crt")

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have those labels, over all running processes."""
        return sum(
            sample.value
            for process, port in zip(self.processes, self.metrics_ports, strict=True)
            if process.pid
            for family in text_string_to_metric_families(requests.get(f"http://{HOST}:{port}/", timeout=5).text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def records(self, **wanted: str) -> list[Record]:
        """Return the audit's records that have those values, oldest first."""
        audit = Audit(self.settings["audit"]["url"], self.home / "reader", 1, 365, 2**40, CollectorRegistry())
        try:
            found = list(audit.export())[::-1]
        finally:
            audit.close()
        return [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())]

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """Return the processes' logs so far, without a line that is still being written."""
        for process in self.processes:
            yield from map(json.loads, whole_lines(process.log))

    def _write_settings(self, over: dict[str, Any]) -> Object:
        defaults = settings_of("api")
        audit = {"url": f"sqlite:///{self.home}/audit.db", "spool": f"{self.home}/spool"}
        values = {**defaults, "audit": {**defaults["audit"], **audit}, **over}
        (self.home / "api-settings.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
        return values

    def _environment(self, index: int) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.plane.kubeconfig("api")),
            "STORE_PLATFORM_API_SETTINGS": str(self.home / "api-settings.yaml"),
            "STORE_PLATFORM_GATE_TOKEN_FILE": str(self.home / "token"),
            "STORE_PLATFORM_GATE_CERT_FILE": str(self.home / "tls.crt"),
            "STORE_PLATFORM_GATE_KEY_FILE": str(self.home / "tls.key"),
            "STORE_PLATFORM_BIND": f"{HOST}:{self.ports[index]}",
            "STORE_PLATFORM_METRICS_BIND": f"{HOST}:{self.metrics_ports[index]}",
        }
