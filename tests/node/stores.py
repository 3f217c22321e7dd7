"""The stores of a cluster, as kubectl and their pages show them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from ..cluster.client import Object
from ..cluster.waiting import wait_until
from ..smoke.shopping import Shop
from .cluster import DOMAIN, Cluster
from .versions import LOOPING, MISSING

# Those that are Ready between two tests.
NAMES = ("one", "two")
COMPONENTS = ("backend", "database", "storefront")
# Those that can't become ready, and the version that prevents it.
BROKEN = {"looping": LOOPING, "missing": MISSING}
API = "platform.urumi.dev/v1alpha1"


@dataclass(frozen=True)
class Stores:
    """The stores of one cluster."""

    real: Cluster

    def apply(self, name: str, **spec: Any) -> None:
        """Create or change a store."""
        body = {"engine": "medusa", "owner": "admin", **spec}
        self.real.plane.client.apply({"apiVersion": API, "kind": "Store", "metadata": {"name": name}, "spec": body})

    def delete(self, *names: str) -> None:
        """Request the deletion of stores."""
        self.real.kubectl("delete", "store", *names, "--wait=false")

    def get(self, name: str) -> Object:
        """Return the Store."""
        return self.real.plane.client.get(API, "Store", name)

    def ready(self, name: str) -> Object:
        """Return its condition Ready; empty before there is one."""
        conditions = self.get(name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Ready"), {})

    def await_phase(self, name: str, phase: str, timeout: float = 180) -> Object:
        """Wait until the status is of the current spec and has that phase.

        :raise WaitTimeout: it does not in time.
        """

        def reached() -> Object | None:
            store = self.get(name)
            status = store.get("status", {})
            current = status.get("observedGeneration") == store["metadata"]["generation"]
            return store if current and status.get("phase") == phase else None

        try:
            return wait_until(reached, f"store {name} is {phase}", timeout, interval=0.5)
        except AssertionError as error:
            pods = self.real.kubectl("get", "pods", "--namespace", f"store-{name}", "-o", "wide")
            raise AssertionError(f"{error}: {self.ready(name)}\n{pods}") from None

    def apply_broken(self) -> None:
        """Create those that can't become ready."""
        for name, version in BROKEN.items():
            self.apply(name, version=version)

    def await_all_ready(self) -> None:
        """Wait until every store is Ready and open, and every pod of stores, platform and cluster is ready.

        All at the same time: a status from before an outage still says Ready for a while.
        """

        def all_ready() -> bool:
            unready = list(self._unready())
            assert not unready, "; ".join(unready)
            return True

        wait_until(all_ready, "every store and the platform are ready", 600, interval=0.5)

    def _unready(self) -> Iterator[str]:
        for name in NAMES:
            store, space = self.get(name), f"store-{name}"
            status = store.get("status", {})
            if (status.get("observedGeneration"), status.get("phase")) != (store["metadata"]["generation"], "Ready"):
                yield f"store {name}: {status.get('phase')} {self.ready(name).get('message')}"
            if (answer := self.answer(name)) != 200:
                yield f"shop {name} answers {answer}"
            for component in COMPONENTS:
                if not self.pods(space, component):
                    yield f"{space} has no {component}"
        for space in [*(f"store-{name}" for name in NAMES), "store-platform", "ingress-nginx", "kube-system"]:
            for pod in self.pods(space):
                ready = [each["status"] for each in pod["status"].get("conditions", []) if each["type"] == "Ready"]
                if ready != ["True"] and pod["status"]["phase"] not in ("Succeeded", "Failed"):
                    yield f"pod {pod['metadata']['name']} of {space} is not ready"

    def await_message(self, name: str, matches: Callable[[str], bool], timeout: float) -> str:
        """Return Ready's message once it matches while the store is not Ready."""

        def seen() -> str:
            ready = self.ready(name)
            return str(ready["message"]) if ready.get("status") == "False" and matches(ready["message"]) else ""

        return wait_until(seen, f"the message of store {name} names the cause", timeout, interval=0.2)

    def shop(self, name: str) -> Shop:
        """Return a client of its pages."""
        return Shop(self.get(name)["status"]["url"], self.real.base_url)

    def answer(self, name: str) -> int:
        """Return the HTTP status of its front page; 0 if nothing responds."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                headers = {"Host": f"{name}.{DOMAIN}"}
                return session.get(self.real.base_url, headers=headers, timeout=30).status_code
            except requests.RequestException:
                return 0

    def pods(self, namespace: str, component: str = "") -> list[Object]:
        """Return the pods of a namespace, or of one component, that are not terminating."""
        selector = {"labelSelector": f"app.kubernetes.io/component={component}"} if component else {}
        pods = self.real.plane.client.list_all("v1", "Pod", namespace, **selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def run_in(self, namespace: str, workload: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a workload's first container; return its result, successful or not."""
        plane = self.real.plane
        arguments = ["exec", "--quiet", "--namespace", namespace, workload, "--", *command]
        return subprocess.run(
            [str(plane.bin_dir / "kubectl"), f"--kubeconfig={plane.kubeconfig('admin')}", *arguments],
            capture_output=True,
            text=True,
        )

    def can_connect(self, namespace: str, workload: str, address: str, port: int) -> bool:
        """Whether a workload's pod can connect to an address. Policies reject forbidden connections at once."""
        done = self.run_in(namespace, workload, "timeout", "10", "bash", "-c", f"</dev/tcp/{address}/{port}")
        assert done.returncode in (0, 1, 124), done.stderr
        return done.returncode == 0
