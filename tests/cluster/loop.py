"""A stand-in for Metacontroller where its binary is missing: `python -m tests.cluster.loop --kubeconfig K`, or without
a kubeconfig in a pod, as its service account.

It serves the API server's CompositeControllers under the same contract, without: hook version v1, ETags, update methods
other than OnDelete and InPlace, events, metrics, leader election and TLS settings of webhooks.
"""

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from queue import Empty, Queue

import requests

from .client import ApiError, Client, Object
from .loop_cache import Cache
from .loop_parent import ParentController

API_VERSION, KIND = "metacontroller.k8s.io/v1alpha1", "CompositeController"
RETRY_SECONDS = 1.0
UNAVAILABLE = (LookupError, ApiError, requests.RequestException)
log = logging.getLogger("loop")


class JsonLines(logging.Formatter):
    """One JSON object per line: level, ts (seconds), logger, msg, and what was passed as `extra`."""

    _standard = logging.makeLogRecord({}).__dict__.keys() | {"message", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        extra = {key: value for key, value in vars(record).items() if key not in self._standard}
        line = {"level": record.levelname.lower(), "ts": record.created, "logger": record.name}
        return json.dumps({**line, "msg": record.getMessage(), **extra})


class Loop:
    """Run one ParentController for each CompositeController, restarted whenever its spec changes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._changed: Queue[str] = Queue()
        self._running: dict[str, ParentController] = {}

    def run(self) -> None:
        """Serve forever; wait while the API server or the CompositeController CRD is missing."""
        while (cache := self._cache()) is None:
            time.sleep(RETRY_SECONDS)
        cache.start()
        cache.wait()
        failed: set[str] = set()
        while True:
            try:
                names = {self._changed.get(timeout=RETRY_SECONDS if failed else None)}
            except Empty:
                names = set(failed)
            for name in names:
                failed.discard(name)
                if not self._reconcile(name, cache.get(name)):
                    failed.add(name)

    def _cache(self) -> Cache | None:
        try:
            return Cache(self._client, API_VERSION, KIND, lambda obj: self._changed.put(obj["metadata"]["name"]))
        except UNAVAILABLE as error:
            log.error("cannot read CompositeControllers", extra={"error": str(error)})
            return None

    def _reconcile(self, name: str, composite: Object | None) -> bool:
        """Start, restart or stop one; return False if it should be retried."""
        running = self._running.get(name)
        if running and composite and running.composite["spec"] == composite["spec"]:
            return True
        if running:
            self._running.pop(name).stop()
            log.info("stopped", extra={"controller": name})
        if composite is None:
            return True
        try:
            controller = ParentController(self._client, composite)
        except (ValueError, *UNAVAILABLE) as error:
            log.error("cannot start", extra={"controller": name, "error": str(error)})
            return False
        controller.start()
        self._running[name] = controller
        log.info("started", extra={"controller": name})
        return True


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="A stand-in for Metacontroller.")
    parser.add_argument("--kubeconfig", type=Path, help="by default, the account of the pod that this runs in")
    arguments = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    agent = {"user_agent": "loop-stand-in"}
    named = arguments.kubeconfig
    Loop(Client.from_kubeconfig(named, **agent) if named else Client.from_service_account(**agent)).run()


if __name__ == "__main__":
    main()
