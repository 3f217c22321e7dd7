"""The cache's entries: each Store as bytes, beside the values that lists filter and sort by."""

from __future__ import annotations

import heapq
import re
import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import orjson

from storeplatform.common.times import seconds_between

from .cluster import Object
from .views import summary

VERSION = re.compile(r"[0-9]{1,19}\Z")
# The number of latest stores per engine from which the expected time to Ready is computed.
MEASURED = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A Store in the cache: the values that lists filter and sort by, and the rest as JSON.

    ``ready_seconds``: how long it took from its creation until it was first ready; 0 if unknown. Bytes, because 10,000
    Stores as mappings are a million objects, which each of Python's garbage collections traverses: pages sometimes took
    150 ms (``tests/bench/lists.py``).
    """

    name: str
    owner: str
    engine: str
    plan: str
    phase: str
    host: str
    created: str
    searched: str
    version: int
    ready_seconds: float
    summary: bytes
    whole: bytes

    def store(self) -> Object:
        """Return a copy of the Store, without the metadata that is not used here."""
        read: Object = orjson.loads(self.whole)
        return read


def entry_of(store: Object) -> Entry:
    """Return the entry of a Store, given as the API server returns it."""
    kept = {key: value for key, value in store["metadata"].items() if key != "managedFields"}
    shown = summary(store)
    named = (shown["name"], shown["owner"], store["spec"].get("hostname", ""), shown["url"] or "")
    return Entry(
        name=shown["name"],
        owner=shown["owner"],
        engine=shown["engine"],
        plan=shown["plan"],
        phase=shown["phase"],
        host=(shown["url"] or "").partition("://")[2],
        created=shown["createdAt"],
        searched=" ".join(named).lower(),
        version=version_of(store),
        ready_seconds=seconds_between(shown["createdAt"], store.get("status", {}).get("firstReady")),
        summary=orjson.dumps(shown),
        whole=orjson.dumps({**store, "metadata": kept}),
    )


def seconds_to_ready(entries: Iterable[Entry]) -> dict[str, int]:
    """Return how long a new store takes to become ready, by engine: the median of the latest measured ones."""
    by_engine: dict[str, list[Entry]] = {}
    for each in entries:
        if each.ready_seconds > 0:
            by_engine.setdefault(each.engine, []).append(each)
    latest = {
        engine: heapq.nlargest(MEASURED, measured, key=lambda each: each.created)
        for engine, measured in by_engine.items()
    }
    return {
        engine: round(statistics.median(each.ready_seconds for each in measured)) for engine, measured in latest.items()
    }


def version_of(obj: Object) -> int:
    """Return an object's resourceVersion: a number that grows with each write to the cluster."""
    return int(obj["metadata"]["resourceVersion"])


def version_in(text: str) -> int | None:
    """Return the resourceVersion that a caller gives; None if it is not a 64-bit number."""
    return int(text) if VERSION.match(text) else None


class Entries:
    """Entries by name and by owner, so that one owner's are found without a search through all."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_name: dict[str, Entry] = {}
        self._by_owner: dict[str, dict[str, Entry]] = {}
        for each in entries:
            self.put(each)

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Entry | None:
        """Return the entry of that name; None if there is none."""
        return self._by_name.get(name)

    def all(self) -> Collection[Entry]:
        """Return all entries, unordered."""
        return self._by_name.values()

    def of(self, owner: str) -> Collection[Entry]:
        """Return the entries of an owner, unordered."""
        return self._by_owner.get(owner, {}).values()

    def counts(self) -> Mapping[str, int]:
        """Return the number of stores per owner."""
        return {owner: len(theirs) for owner, theirs in self._by_owner.items()}

    def put(self, entry: Entry) -> None:
        """Add the entry, replacing the one of its name."""
        self.remove(entry.name)
        self._by_name[entry.name] = entry
        self._by_owner.setdefault(entry.owner, {})[entry.name] = entry

    def remove(self, name: str) -> None:
        """Remove the entry of that name, if there is one."""
        if (known := self._by_name.pop(name, None)) is not None:
            theirs = self._by_owner[known.owner]
            del theirs[name]
            if not theirs:
                del self._by_owner[known.owner]
