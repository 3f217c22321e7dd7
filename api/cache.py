"""Every Store, as the API server's watch tells it; one cache a process, and the changes it saw last.

A list, then a watch from there. A watch that ends goes on where it was; one that is too old (410) or an API server
that is away begins with a list again. Who reads is told how stale what they read is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from .cluster import GROUP, STORES, VERSION, Cluster, Object, Unreachable
from .views import summary

PAGE = 500
# The API server sends a bookmark each minute: silence for longer than that is a connection that died.
SILENCE_SECONDS = 90
WATCH_SECONDS = 600
RETRY_SECONDS = (0.2, 10.0)
KEPT_CHANGES = 10_000

log = structlog.get_logger("api.cache")


@dataclass(frozen=True, slots=True)
class Entry:
    """A Store in the cache: what lists choose and order by, and the rest as JSON.

    10,000 Stores as mappings are a million objects, and each of Python's garbage collections would look at all of
    them: pages took 150 ms at times. As bytes they are nothing to look at (``tests/bench/lists.py``).
    """

    name: str
    owner: str
    engine: str
    plan: str
    phase: str
    created: str
    searched: str
    version: int
    summary: bytes
    whole: bytes

    def store(self) -> Object:
        """The Store itself, without what nobody here reads; the caller's own."""
        read: Object = orjson.loads(self.whole)
        return read


def entry_of(store: Object) -> Entry:
    """A Store, as the API server gives it, for the cache."""
    kept = {key: value for key, value in store["metadata"].items() if key != "managedFields"}
    told = summary(store)
    named = (told["name"], told["owner"], store["spec"].get("hostname", ""), told["url"] or "")
    return Entry(
        name=told["name"],
        owner=told["owner"],
        engine=told["engine"],
        plan=told["plan"],
        phase=told["phase"],
        created=told["createdAt"],
        searched=" ".join(named).lower(),
        version=version_of(store),
        summary=orjson.dumps(told),
        whole=orjson.dumps({**store, "metadata": kept}),
    )


def version_of(obj: Object) -> int:
    """An object's resourceVersion: a number that grows with each write to the cluster."""
    return int(obj["metadata"]["resourceVersion"])


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a Store; ``version`` is the cluster's resourceVersion, which only grows."""

    version: int
    gone: bool
    entry: Entry


class Cache:
    """Threads may read it while one thread feeds it."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._stores: dict[str, Entry] = {}
        self._version = 0
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        # Changes up to this version may be missing from what is kept.
        self._forgotten = 0
        self._changed = threading.Condition()
        self._synced = threading.Event()
        self._heard_at = 0.0
        self._watching = False
        self._stopping = threading.Event()
        self._watch: watch.Watch | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Feed it from now on."""
        self._thread = threading.Thread(target=self._feed, name="cache", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the feeding, and every wait for a change."""
        self._stopping.set()
        if self._watch:
            self._watch.stop()  # type: ignore[no-untyped-call]
        with self._changed:
            self._changed.notify_all()

    @property
    def stopping(self) -> bool:
        """Whether nothing more will come."""
        return self._stopping.is_set()

    def wait_synced(self, seconds: float) -> bool:
        """Whether all Stores were read once, within so long."""
        return self._synced.wait(seconds)

    @property
    def synced(self) -> bool:
        """Whether all Stores were read once."""
        return self._synced.is_set()

    @property
    def version(self) -> int:
        """The resourceVersion up to which everything is in it."""
        return self._version

    def stale_seconds(self) -> float:
        """How long ago what is in it was known to be so: 0 while the watch stands."""
        silent = time.monotonic() - self._heard_at
        return 0.0 if self._watching and silent < SILENCE_SECONDS else silent

    def stores(self) -> list[Entry]:
        """All of them, in no order."""
        with self._changed:
            return list(self._stores.values())

    def get(self, name: str) -> Entry | None:
        """One of them."""
        return self._stores.get(name)

    def __len__(self) -> int:
        return len(self._stores)

    def put(self, store: Object) -> None:
        """What this process has just written, so that who wrote it reads it. The watch tells it as a change later."""
        with self._changed:
            self._keep(entry_of(store))

    def wait_for(self, version: int, seconds: float) -> bool:
        """Whether what was written at that version is in it, within so long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._version >= version or self.stopping, seconds)

    def changes(self, since: int) -> tuple[list[Change], int] | None:
        """What came after that version, in order, and the version up to which that is all; None where not all of it is
        kept. Both in one look: between two, another change could come and be taken for told."""
        with self._changed:
            if since < self._forgotten:
                return None
            return [each for each in self._changes if each.version > since], max(since, self._version)

    def wait_for_change(self, since: int, seconds: float) -> None:
        """Return at a change after that version, at the end of the feeding, or after so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > since or self.stopping, seconds)

    def _feed(self) -> None:
        retry = RETRY_SECONDS[0]
        fresh = False
        while not self.stopping:
            try:
                if not fresh:
                    self._list()
                    fresh = True
                self._follow()
                retry = RETRY_SECONDS[0]
            except (ApiException, Unreachable, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._watching = False
                gone = isinstance(error, ApiException)
                fresh = fresh and not gone
                log.warning("the watch of stores broke", error=_told(error), list_again=gone, retry_seconds=retry)
                self._stopping.wait(retry)
                retry = min(retry * 2, RETRY_SECONDS[1])

    def _list(self) -> None:
        found: dict[str, Entry] = {}
        version = 0
        for page in self._pages():
            version = int(page["metadata"]["resourceVersion"])
            for store in page["items"]:
                found[store["metadata"]["name"]] = entry_of(store)
        with self._changed:
            # What happened between the watch's end and now is not known change by change.
            self._changes.clear()
            self._stores, self._version, self._forgotten = found, version, version
            self._changed.notify_all()
        self._heard()
        self._synced.set()

    def _pages(self) -> Iterator[Object]:
        following: str | None = None
        while following != "":
            page = self.cluster.list_objects(limit=PAGE, _continue=following)
            yield page
            following = page["metadata"].get("continue") or ""

    def _follow(self) -> None:
        self._watch = watch.Watch()  # type: ignore[no-untyped-call]
        events: Any = self._watch.stream(  # type: ignore[no-untyped-call]
            self.cluster.custom.list_cluster_custom_object,
            GROUP,
            VERSION,
            STORES,
            resource_version=str(self._version),
            allow_watch_bookmarks=True,
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
                self._stores.pop(entry.name, None)
            else:
                self._keep(entry)
            if len(self._changes) == KEPT_CHANGES:
                self._forgotten = self._changes[0].version
            self._changes.append(Change(entry.version, gone, entry))
            self._advance(entry.version)

    def _keep(self, entry: Entry) -> None:
        known = self._stores.get(entry.name)
        if known is None or known.version <= entry.version:
            self._stores[entry.name] = entry


def _told(error: Exception) -> str:
    return f"{error.status} {error.reason}" if isinstance(error, ApiException) else type(error).__name__
