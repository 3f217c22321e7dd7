"""The platform on a local control plane: CRDs, policy, roles, the hooks as they ship, and the loop."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from storeplatform.common.objects import STORE_LABEL
from storeplatform.metacontroller import MANIFESTS
from storeplatform.templates import ENGINES
from tests.cluster.client import Client, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import METACONTROLLER
from tests.cluster.loops import Loop
from tests.cluster.processes import Process, free_ports, whole_lines
from tests.cluster.waiting import WaitTimeout, wait_until
from tests.values import write_settings

API = "platform.urumi.dev/v1alpha1"
METACONTROLLER_CRDS = Path(__file__).parents[1] / "cluster" / "metacontroller_crds.yaml"
SHIPPED = MANIFESTS / "platform"

NAMESPACES = ("store-platform", "metacontroller")


def shipped(name: str) -> list[Object]:
    """The objects of one of the platform's manifests."""
    return [obj for obj in yaml.safe_load_all((SHIPPED / name).read_text()) if obj]


def apply_shipped(client: Client) -> None:
    """What the API server holds of the platform, less what asks processes; Stores are served afterwards."""
    for name in NAMESPACES:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for name in ("crd.yaml", "reserved.yaml", "policy.yaml", "boundaries.yaml", "rbac.yaml"):
        for obj in shipped(name):
            client.apply(obj)
    for kind in ("Store", "Hostname", "StoreQuota"):
        wait_until(lambda k=kind: client.list_all(API, k) is not None, f"{kind}s are served")


class Platform:
    """Starts on entering, ends on leaving. The loop acts with the rights of the shipped role alone.

    :param settings: top-level values that take the place of the shipped settings'.
    :param engines: a folder of engines instead of the installed one.
    :param object_store_keys: accessKeyId and secretAccessKey, where the settings name an object store.
    :param loop: "metacontroller", "stand-in", or None for Metacontroller where there is one.
    :param loop_kubeconfig: how the loop reaches the API server, where that is not the straight way.
    """

    def __init__(
        self,
        plane: ControlPlane,
        *,
        settings: dict[str, Any] | None = None,
        engines: Path = ENGINES,
        loop: str | None = None,
        root_key: str = "a root key for tests, the same in every run",
        object_store_keys: dict[str, str] | None = None,
        loop_kubeconfig: Path | None = None,
    ) -> None:
        self.plane, self.engines = plane, engines
        self.client: Client = plane.client
        self.home = Path(tempfile.mkdtemp(prefix="platform-"))
        self.token = secrets.token_hex(32)
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._write_files(settings or {}, root_key, object_store_keys or {})
        self.hooks = Process(
            "the hooks", [sys.executable, "-m", "storeplatform.hooks"], self.home / "hooks.log", self._environment()
        )
        self.loop = Loop(loop_kubeconfig or plane.kubeconfig("metacontroller"), self.home / "loop.log", loop)

    def __enter__(self) -> Self:
        self.install()
        self.start_hooks()
        self.loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.loop.stop()
        self.hooks.stop()
        if not isinstance(error, Exception):  # a Ctrl-C is no failure
            shutil.rmtree(self.home)
        else:
            print(f"logs of the loop and the hooks are kept in {self.home}", file=sys.stderr, flush=True)

    def install(self) -> None:
        """Apply what the cluster needs. The controller asks the hooks where they run here."""
        self.client.apply_all(METACONTROLLER_CRDS.read_text())
        apply_shipped(self.client)
        controllers = ("metacontroller.k8s.io/v1alpha1", "CompositeController")
        wait_until(lambda: self.client.list_all(*controllers) is not None, "CompositeControllers are served")
        self.client.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "hooks-token", "namespace": "store-platform"},
                "data": {"token": base64.b64encode(self.token.encode()).decode()},
            }
        )
        (controller,) = shipped("controller.yaml")
        for hook in controller["spec"]["hooks"].values():
            webhook = hook["webhook"]
            webhook["url"] = self.url + webhook.pop("path")
            del webhook["service"]
        self.client.apply(controller)

    def start_hooks(self) -> None:
        """Start the hooks and wait until they answer."""
        self.hooks.start()
        wait_until(
            lambda: requests.get(f"{self.url}/readyz", timeout=2).ok, "the hooks are ready", stop_if=self.hooks.failure
        )

    def apply(self, name: str, **spec: Any) -> Object:
        """Apply a Store as kubectl would: a medusa of ann's unless ``spec`` says otherwise."""
        return self.client.apply(
            {
                "apiVersion": API,
                "kind": "Store",
                "metadata": {"name": name},
                "spec": {"engine": "medusa", "owner": "ann", **spec},
            }
        )

    def store(self, name: str) -> Object:
        """The Store as it is now. :raise ApiError: among others with code 404."""
        return self.client.get(API, "Store", name)

    def await_phase(self, name: str, phase: str, timeout: float = 120) -> Object:
        """Wait until the Store's status was made from its newest spec and has that phase."""

        def reached() -> Object | None:
            found = self.store(name)
            status = found.get("status", {})
            current = status.get("observedGeneration") == found["metadata"]["generation"]
            return found if current and status.get("phase") == phase else None

        try:
            return wait_until(reached, f"Store {name} is {phase}", timeout)
        except WaitTimeout as error:
            found = self.client.find(API, "Store", name) or {}
            raise WaitTimeout(f"{error}; its status: {found.get('status')}; the loop: {self.loop.failure()}") from None

    def in_phase(self, phase: str) -> set[str]:
        """The names of the Stores that are in it now."""
        stores = self.client.list_all(API, "Store")
        return {each["metadata"]["name"] for each in stores if each.get("status", {}).get("phase") == phase}

    def children(self, name: str) -> list[Object]:
        """Every object the platform made for a Store, of every kind the controller lists."""
        return self.children_of([name])[name]

    def children_of(self, names: Iterable[str]) -> dict[str, list[Object]]:
        """The same for many Stores at once."""
        found: dict[str, list[Object]] = {name: [] for name in names}
        selector = f"{STORE_LABEL} in ({','.join(found)}),controller-uid"
        for rule in shipped("controller.yaml")[0]["spec"]["childResources"]:
            resource = self.client.resource_by_plural(rule["apiVersion"], rule["resource"])
            for obj in self.client.list_all(rule["apiVersion"], resource["kind"], labelSelector=selector):
                store = obj["metadata"]["labels"][STORE_LABEL]
                found[store].append({"apiVersion": rule["apiVersion"], "kind": resource["kind"], **obj})
        return found

    def jobs_made(self, name: str, mark: int) -> list[str]:
        """The Jobs of a Store that the loop created since a mark of the audit log, in order, without their hashes.

        Those of its CronJobs come when the clock says so, and are not among them.
        """
        made = [each for each in self.plane.audit.requests(mark) if each.user == METACONTROLLER.username]
        created = [each for each in made if (each.verb, each.resource, each.code) == ("create", "jobs", 201)]
        return [each.name.partition("-")[0] for each in created if each.namespace == f"store-{name}"]

    def hooks_lines(self) -> list[dict[str, Any]]:
        """The hooks' log so far, but for a line that is being written."""
        return [json.loads(line) for line in whole_lines(self.hooks.log)]

    def syncs(self) -> int:
        """How many questions the hooks have answered well so far."""
        line = next(
            (
                line
                for line in requests.get(f"{self.url}/metrics", timeout=5).text.splitlines()
                if line.startswith('store_hook_requests_total{hook="sync",status="200"}')
            ),
            "0",
        )
        return int(float(line.split()[-1]))

    def _write_files(self, settings: dict[str, Any], root_key: str, object_store_keys: dict[str, str]) -> None:
        write_settings("hooks", self.home / "settings.yaml", settings)
        (self.home / "root.key").write_text(root_key)
        (self.home / "token").write_text(self.token)
        (self.home / "relay.key").write_text("a relay key for tests, the same in every run")
        (self.home / "ca.crt").write_text("-----BEGIN CERTIFICATE-----")
        (self.home / "s3.yaml").write_text(yaml.safe_dump(object_store_keys))

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "STORE_PLATFORM_SETTINGS": str(self.home / "settings.yaml"),
            "STORE_PLATFORM_ROOT_KEY_FILE": str(self.home / "root.key"),
            "STORE_PLATFORM_TOKEN_FILE": str(self.home / "token"),
            "STORE_PLATFORM_S3_CREDENTIALS_FILE": str(self.home / "s3.yaml"),
            "STORE_PLATFORM_RELAY_KEY_FILE": str(self.home / "relay.key"),
            "STORE_PLATFORM_RELAY_CA_FILE": str(self.home / "ca.crt"),
            "STORE_PLATFORM_ENGINES": str(self.engines),
            "STORE_PLATFORM_BIND": self.url.removeprefix("http://"),
        }
