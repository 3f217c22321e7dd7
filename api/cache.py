"""A cache of all Stores per process, fed by a watch of the API server, with the latest changes.

It lists the Stores, and watches from that version on. When a watch ends, the next one continues at the last version. If
that version is too old (410), or newer than the cluster because the cluster was restored from a backup, it lists again.
Readers can see how stale the cache is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from .cluster import Cluster, Object, Unreachable
from .entries import Entries, Entry, entry_of, version_of
from .journal import Change, Journal

PAGE = 500
# In seconds. The API server sends a bookmark every minute, so a longer silence means that the connection is dead.
SILENCE_SECONDS = 90
WATCH_SECONDS = 600
RETRY_SECONDS = (0.2, 10.0)

log = structlog.get_logger("api.cache")


class Cache:
    """A cache that any number of threads may read while one thread feeds it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._stores = Entries()
        self._version = 0
        self._journal = Journal()
        self._changed = threading.Condition()
        self._synced = threading.Event()
        self._heard_at = 0.0
        self._watching = False
        self._stopping = threading.Event()
        self._watch: watch.Watch | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start following the cluster."""
        self._thread = threading.Thread(target=self._feed, name="cache", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following the cluster, and end every wait for a change."""
        self._stopping.set()
        if self._watch:
            self._watch.stop()  # type: ignore[no-untyped-call]
        with self._changed:
            self._journal.wake_all()
            self._changed.notify_all()

    @property
    def stopping(self) -> bool:
        """Whether the cache has been stopped."""
        return self._stopping.is_set()

    def wait_synced(self, seconds: float) -> bool:
        """Wait at most ``seconds`` until all Stores have been read once; return whether they have."""
        return self._synced.wait(seconds)

    @property
    def synced(self) -> bool:
        """Whether all Stores have been read once."""
        return self._synced.is_set()

    @property
    def version(self) -> int:
        """The resourceVersion up to which the cache is complete."""
        return self._version

    def stale_seconds(self) -> float:
        """The age of the cache's content: 0 while the watch is connected."""
        silent = time.monotonic() - self._heard_at
        return 0.0 if self._watching and silent < SILENCE_SECONDS else silent

    def stores(self, owner: str = "") -> Collection[Entry]:
        """The stores of an owner, or all stores, unordered."""
        with self._changed:
            return list(self._stores.of(owner) if owner else self._stores.all())

    def counts(self) -> Mapping[str, int]:
        """The number of stores of each owner who has any."""
        with self._changed:
            return self._stores.counts()

    def get(self, name: str) -> Entry | None:
        """The store of that name; None if there is none."""
        return self._stores.get(name)

    def __len__(self) -> int:
        return len(self._stores)

    def put(self, store: Object) -> None:
        """Add what this process has just written, so that its caller can read it at once.

        The watch reports the change later.

        Versions that the watch has already passed are ignored: the store may have been deleted since.
        """
        entry = entry_of(store)
        with self._changed:
            if entry.version > self._version:
                self._keep(entry)

    def wait_for(self, version: int, seconds: float) -> bool:
        """Wait at most ``seconds`` for a version; return whether the cache contains it."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version >= version or self.stopping, seconds)

    def changes(self, since: int) -> tuple[list[Change], int] | None:
        """Return the changes after a version, in order, and the version up to which they are complete.

        Return None if some are no longer kept, or the cluster never reached that version because it was restored. Both
        values are read under one lock: otherwise a change between the two reads would never be sent.
        """
        with self._changed:
            if not self._journal.forgotten <= since <= self._version:
                return None
            return self._journal.since(since), self._version

    def listening(self, owner: str | None) -> AbstractContextManager[threading.Event]:
        """Return an event that is set at each change of the owner's stores (None: of any store), and at the end."""
        return self._journal.listening(owner)

    def _feed(self) -> None:
        retry = RETRY_SECONDS[0]
        fresh = False
        while not self.stopping:
            try:
                if not fresh or self._restored():
                    self._list()
                    fresh = True
                self._follow()
                retry = RETRY_SECONDS[0]
            except (ApiException, Unreachable, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._watching = False
                gone = isinstance(error, ApiException) and error.status == 410
                fresh = fresh and not gone
                log.warning("the watch of stores failed", error=_reason(error), list_again=gone, retry_seconds=retry)
                self._stopping.wait(retry)
                retry = min(retry * 2, RETRY_SECONDS[1])

    def _restored(self) -> bool:
        """Whether the cluster was restored to an older state than the cache's.

        A watch from the old version would stay silent.
        """
        page = self.cluster.list_objects(limit=1)
        return int(page["metadata"]["resourceVersion"]) < self._version

    def _list(self) -> None:
        found = Entries()
        version = 0
        for page in self._pages():
            version = int(page["metadata"]["resourceVersion"])
            for store in page["items"]:
                found.put(entry_of(store))
        with self._changed:
            # The individual changes between the watch's end and now are unknown.
            self._stores, self._version = found, version
            self._journal.begin(version)
            self._changed.notify_all()
        self._heard()
        self._synced.set()

    def _pages(self) -> Iterator[Object]:
        following: str | None = None
        while following != "":
            page = self.cluster.list_objects(limit=PAGE, following=following)
            yield page
            following = page["metadata"].get("continue") or ""

    def _follow(self) -> None:
        self._watch = watch.Watch()  # type: ignore[no-untyped-call]
        events: Any = self._watch.stream(  # type: ignore[no-untyped-call]
            self.cluster.open_watch,
            resource_version=str(self._version),
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=(3.05, SILENCE_SECONDS),
        )
        self._watching = True
        self._heard()
        for event in events:
            self._heard()
            store = event["raw_object"]
            if event["type"] == "BOOKMARK":
                self._advance(version_of(store))
            else:
                self._apply(store, gone=event["type"] == "DELETED")

    def _heard(self) -> None:
        self._heard_at = time.monotonic()

    def _advance(self, version: int) -> None:
        with self._changed:
            self._version = max(self._version, version)
            self._changed.notify_all()

    def _apply(self, store: Object, gone: bool) -> None:
        entry = entry_of(store)
        with self._changed:
            if gone:
                self._stores.remove(entry.name)
            else:
                self._keep(entry)
            self._advance(entry.version)
            self._journal.add(Change(entry.version, gone, entry))

    def _keep(self, entry: Entry) -> None:
        known = self._stores.get(entry.name)
        if known is None or known.version <= entry.version:
            self._stores.put(entry)


def _reason(error: Exception) -> str:
    return f"{error.status} {error.reason}" if isinstance(error, ApiException) else type(error).__name__
