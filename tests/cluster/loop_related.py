"""The objects that a customize hook relates to parents: rules read once per generation, objects followed by watches."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from .client import Client, Object
from .loop_cache import Cache, key_of
from .loop_children import matches
from .loop_hook import Hook


class Related:
    """Related objects of one CompositeController's parents.

    :param hook: its customize hook.
    :param changed: called with the key of each parent whose related objects changed.
    """

    def __init__(self, client: Client, composite: Object, hook: Hook, changed: Callable[[str], None]) -> None:
        self._client, self._composite, self._hook, self._changed = client, composite, hook, changed
        self._lock = Lock()
        self._caches: dict[tuple[str, str], Cache] = {}
        self._rules: dict[str, tuple[Any, list[Object]]] = {}

    def stop(self) -> None:
        """Stop all watches."""
        for cache in self._caches.values():
            cache.stop()

    def of(self, parent: Object) -> dict[str, dict[str, Object]]:
        """Return the related objects in a request's form. Raises like ``Hook.rules``."""
        found: dict[str, dict[str, Object]] = {}
        for rule in self._rules_of(parent):
            cache = self._cache(rule)
            those = {key_of(obj): obj for obj in cache.all() if _is_meant(rule, obj)}
            found.setdefault(f"{cache.kind}.{cache.api_version}", {}).update(those)
        return found

    def _rules_of(self, parent: Object) -> list[Object]:
        metadata, key = parent["metadata"], key_of(parent)
        state = (metadata["uid"], metadata["generation"])
        known = self._rules.get(key)
        if known is None or known[0] != state:
            known = (state, self._hook.rules({"controller": self._composite, "parent": parent}))
            self._rules[key] = known
        return known[1]

    def _cache(self, rule: Object) -> Cache:
        api_version, resource = rule["apiVersion"], rule["resource"]
        with self._lock:
            cache = self._caches.get((api_version, resource))
            if cache is None:
                kind = self._client.resource_by_plural(api_version, resource)["kind"]
                cache = Cache(self._client, api_version, kind, lambda obj: self._notify(api_version, resource, obj))
                self._caches[api_version, resource] = cache
                cache.start()
        cache.wait()
        return cache

    def _notify(self, api_version: str, resource: str, obj: Object) -> None:
        for key, (_, rules) in list(self._rules.items()):
            mine = [rule for rule in rules if (rule["apiVersion"], rule["resource"]) == (api_version, resource)]
            if any(_is_meant(rule, obj) for rule in mine):
                self._changed(key)


def _is_meant(rule: Object, obj: Object) -> bool:
    metadata = obj["metadata"]
    return (
        rule.get("namespace") in (None, "", metadata.get("namespace"))
        and (not rule.get("names") or metadata["name"] in rule["names"])
        and matches(rule.get("labelSelector") or {}, metadata.get("labels"))
    )
