"""The platform on a local control plane: CRDs, policies, roles, the hooks as shipped, and the controller."""

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
    """Return the objects of one of the platform's manifests."""
    return [obj for obj in yaml.safe_load_all((SHIPPED / name).read_text()) if obj]


def apply_shipped(client: Client) -> None:
    """Apply the platform's manifests, without those that call processes; Stores are served afterwards."""
    for name in NAMESPACES:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    for name in ("crd.yaml", "reserved.yaml", "policy.yaml", "boundaries.yaml", "rbac.yaml"):
        for obj in shipped(name):
            client.apply(obj)
    for kind in ("Store", "Hostname", "StoreQuota"):
        wait_until(lambda k=kind: client.list_all(API, k) is not None, f"{kind}s are served")


class Platform:
    """Starts on entering, stops on leaving. The controller has only the rights of the shipped role.

    :param settings: top-level values that replace those of the shipped settings.
    :param engines: a folder of engines instead of the installed one.
    :param object_store_keys: accessKeyId and secretAccessKey, if the settings name an object store.
    :param loop: "metacontroller", "stand-in", or None for Metacontroller if available.
    :param loop_kubeconfig: how the controller reaches the API server, if not directly.
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
        if not isinstance(error, Exception):  # a Ctrl-C is not a failure
            shutil.rmtree(self.home)
        else:
            print(f"logs of the loop and the hooks are kept in {self.home}", file=sys.stderr, flush=True)

    def install(self) -> None:
        """Apply what the cluster needs. The controller calls the hooks on this machine."""
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
        """Start the hooks and wait until they respond."""
        self.hooks.start()
        wait_until(
            lambda: requests.get(f"{self.url}/readyz", timeout=2).ok, "the hooks are ready", stop_if=self.hooks.failure
        )

    def apply(self, name: str, **spec: Any) -> Object:
        """Apply a Store like kubectl: a medusa of ann's unless ``spec`` says otherwise."""
        return self.client.apply(
            {
                "apiVersion": API,
                "kind": "Store",
                "metadata": {"name": name},
                "spec": {"engine": "medusa", "owner": "ann", **spec},
            }
        )

    def store(self, name: str) -> Object:
        """Return the Store.

        :raise ApiError: for example with code 404.
        """
        return self.client.get(API, "Store", name)

    def await_phase(self, name: str, phase: str, timeout: float = 120) -> Object:
        """Wait until the Store's status is of the current spec and has that phase."""

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
        """Return the names of the Stores in that phase."""
        stores = self.client.list_all(API, "Store")
        return {each["metadata"]["name"] for each in stores if each.get("status", {}).get("phase") == phase}

    def children(self, name: str) -> list[Object]:
        """Return every object the platform created for a Store, of every kind in the controller's list."""
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
        """Return the Jobs of a Store that the controller created since a mark of the audit log, in order, without their
        hashes.

        Jobs of its CronJobs are not included, because they depend on the clock.
        """
        made = [each for each in self.plane.audit.requests(mark) if each.user == METACONTROLLER.username]
        created = [each for each in made if (each.verb, each.resource, each.code) == ("create", "jobs", 201)]
        return [each.name.partition("-")[0] for each in created if each.namespace == f"store-{name}"]

    def hooks_lines(self) -> list[dict[str, Any]]:
        """Return the hooks' log so far, without a line that is still being written."""
        return [json.loads(line) for line in whole_lines(self.hooks.log)]

    def syncs(self) -> int:
        """Return how many requests the hooks have answered successfully so far."""
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
