"""A copy of all objects of one kind, kept up to date by a watch."""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

import requests

from .client import ApiError, Client, Object

RELIST_SECONDS = 0.5
log = logging.getLogger("loop.cache")


def controller_of(obj: Object) -> Object | None:
    """Return the owner reference of the object's controller, if it has one."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((each for each in references if each.get("controller")), None)


def qualified(namespace: str, name: str) -> str:
    """Return `namespace/name`, or the name alone for a cluster-scoped object."""
    return f"{namespace}/{name}" if namespace else name


def key_of(obj: Object) -> str:
    """Return an object's `qualified` name."""
    return qualified(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


class Cache:
    """Objects by `namespace/name`, and by their controller's UID.

    :param changed: called in one thread with each object added, changed or deleted (its last state then).
    """

    def __init__(self, client: Client, api_version: str, kind: str, changed: Callable[[Object], None]) -> None:
        self.api_version = api_version
        self.kind = kind
        self._client = client
        self._changed = changed
        self._lock = Lock()
        self._objects: dict[str, Object] = {}
        self._by_controller: dict[str, dict[str, Object]] = {}
        self._synced = Event()
        self._stopped = Event()
        self._path = client.path(api_version, kind)

    def start(self) -> None:
        """Fill it and follow changes, in its own thread."""
        Thread(target=self._follow, name=f"cache {self.kind}", daemon=True).start()

    def wait(self) -> None:
        """Wait until it was filled once."""
        self._synced.wait()

    def stop(self) -> None:
        """Report no more changes; the watch ends with the next one."""
        self._stopped.set()

    def get(self, key: str) -> Object | None:
        """Return the object of that `namespace/name`."""
        with self._lock:
            return self._objects.get(key)

    def all(self) -> list[Object]:
        """Return every object."""
        with self._lock:
            return list(self._objects.values())

    def controlled_by(self, uid: str) -> list[Object]:
        """Return objects whose controller has that UID; those without a controller for ""."""
        with self._lock:
            return list(self._by_controller.get(uid, {}).values())

    def _follow(self) -> None:
        while not self._stopped.is_set():
            try:
                version = self._list()
                self._synced.set()
                while not self._stopped.is_set():
                    version = self._watch(version)
            except (ApiError, requests.RequestException) as error:
                expired = isinstance(error, ApiError) and error.code == 410
                level = logging.DEBUG if expired else logging.WARNING
                log.log(level, "the watch ended, listing again", extra={"kind": self.kind, "error": str(error)})
                self._stopped.wait(RELIST_SECONDS)

    def _list(self) -> str:
        answer = self._client.request("GET", self._path)
        fresh = {key_of(obj): self._typed(obj) for obj in answer["items"]}
        for key in self._objects.keys() - fresh.keys():
            self._remove(self._objects[key])
        for obj in fresh.values():
            self._store(obj)
        return answer["metadata"]["resourceVersion"]

    def _watch(self, version: str) -> str:
        for kind, obj in self._client.watch(self._path, version, allowWatchBookmarks="true"):
            version = obj["metadata"]["resourceVersion"]
            if self._stopped.is_set():
                break
            if kind == "DELETED":
                self._remove(obj)
            elif kind != "BOOKMARK":
                self._store(obj)
        return version

    def _typed(self, obj: Object) -> Object:
        return {"apiVersion": self.api_version, "kind": self.kind, **obj}

    def _store(self, obj: Object) -> None:
        key = key_of(obj)
        with self._lock:
            old = self._objects.get(key)
            self._unindex(old)
            self._objects[key] = obj
            self._by_controller.setdefault(_controller_uid(obj), {})[key] = obj
        if not old or old["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            self._changed(obj)

    def _remove(self, obj: Object) -> None:
        with self._lock:
            self._unindex(self._objects.pop(key_of(obj), None))
        self._changed(obj)

    def _unindex(self, obj: Object | None) -> None:
        if obj is not None:
            owner = _controller_uid(obj)
            self._by_controller[owner].pop(key_of(obj))
            if not self._by_controller[owner]:
                del self._by_controller[owner]


def _controller_uid(obj: Object) -> str:
    controller = controller_of(obj)
    return controller["uid"] if controller else ""
