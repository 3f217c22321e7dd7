"""Hold stores at a stage by real means: pods that wait to be scheduled, and writes that are refused."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from storeplatform.common.objects import STORE_LABEL
from tests.cluster.client import ApiError, Client, Object
from tests.cluster.waiting import wait_until

HOLDS: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "holds", "namespace": "default"}}
PROBE = "probe"


class Holds:
    """The holds of one control plane: holds.yaml documents their syntax."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._numbers = count()
        client.apply_all(Path(__file__).with_name("holds.yaml").read_text())

    def put(self, holds: dict[str, str]) -> None:
        """Hold stores by their names, from now on."""
        probe = f"probe{next(self._numbers)}"
        self._client.patch(HOLDS, {"data": {**holds, PROBE: f"pod {probe}"}})
        wait_until(lambda: self._gates(f"{probe}-0"), "the holds are in force")

    def release(self, stores: Iterable[str]) -> None:
        """Let stores continue. Calling it again also releases what was held meanwhile."""
        names = list(stores)
        self._client.patch(HOLDS, {"data": dict.fromkeys(names)})
        waiting = self._client.list_all("v1", "Pod", labelSelector=f"{STORE_LABEL} in ({','.join(names)})")
        gated = [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in waiting if pod["spec"].get("schedulingGates")]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(self._let_schedule, gated))

    def _let_schedule(self, pod: Object) -> None:
        try:
            self._client.patch(pod, {"spec": {"schedulingGates": None}})
        except ApiError as error:
            if error.code != 404:
                raise

    def _gates(self, name: str) -> bool:
        """Whether a pod of that name would be held: both policies read the same ConfigMap."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": {STORE_LABEL: PROBE}},
            "spec": {"containers": [{"name": "c", "image": "c:1"}]},
        }
        return bool(self._client.create(pod, dryRun="All")["spec"].get("schedulingGates"))
