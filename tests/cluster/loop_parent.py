"""One CompositeController at work: its caches, its queue, its workers, and one sync from beginning to end."""

import base64
import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from .client import ApiError, Client, Object
from .loop_cache import Cache, controller_of, key_of
from .loop_children import Children, change_live, claim, manage, matches
from .loop_hook import Hook, TryLater
from .loop_queue import WorkQueue
from .loop_related import Related

WORKERS = 8
GARBAGE_COLLECTOR_FINALIZERS = {"foregroundDeletion", "orphan"}
METHODS = {"OnDelete", "InPlace"}
log = logging.getLogger("loop")


class ParentController:
    """Serves one CompositeController.

    :raise ValueError: it asks for something this stand-in does not support.
    :raise LookupError: the API server does not serve one of its resources yet.
    """

    def __init__(self, client: Client, composite: Object) -> None:
        self.composite = composite
        self._client = client
        self._finalizer = f"metacontroller.io/compositecontroller-{composite['metadata']['name']}"
        spec = composite["spec"]
        hooks = {name: Hook(hook, self._read_secret) for name, hook in spec["hooks"].items()}
        self._sync_hook, self._finalize_hook = hooks["sync"], hooks.get("finalize")
        self._parent_selector = spec["parentResource"].get("labelSelector") or {}
        self._ignores_status = spec["parentResource"].get("ignoreStatusChanges", False)
        self._steering: dict[str, tuple[Any, ...]] = {}
        self._generates_selector = spec.get("generateSelector", False)
        self._queue = WorkQueue()
        self._stopped = Event()
        customize = hooks.get("customize")
        self._related = Related(client, composite, customize, self._queue.add) if customize else None
        self._parents = self._cache(spec["parentResource"], self._parent_event)
        rules = spec.get("childResources", [])
        self._children = [self._cache(rule, self._child_changed) for rule in rules]
        self._methods = {
            (cache.api_version.rpartition("/")[0], cache.kind): _method(rule)
            for cache, rule in zip(self._children, rules, strict=True)
        }
        self._threads = [Thread(target=self._work, name=f"worker {n}", daemon=True) for n in range(WORKERS)]

    def start(self) -> None:
        """Fill the caches, then work."""
        for cache in [self._parents, *self._children]:
            cache.start()
        for cache in [self._parents, *self._children]:
            cache.wait()
        for thread in self._threads:
            thread.start()
        if period := self.composite["spec"].get("resyncPeriodSeconds"):
            Thread(target=self._resync, args=(max(period, 1),), daemon=True).start()

    def stop(self) -> None:
        """Finish running syncs, start no more."""
        self._stopped.set()
        for cache in [self._parents, *self._children]:
            cache.stop()
        if self._related:
            self._related.stop()
        self._queue.close()
        for thread in self._threads:
            thread.join()

    def _cache(self, rule: Object, changed: Callable[[Object], None]) -> Cache:
        resource = self._client.resource_by_plural(rule["apiVersion"], rule["resource"])
        return Cache(self._client, rule["apiVersion"], resource["kind"], changed)

    def _read_secret(self, reference: Object) -> str:
        secret = self._client.get("v1", "Secret", reference["name"], reference["namespace"])
        return base64.b64decode(secret["data"][reference["key"]]).decode()

    # Deciding what to sync

    def _parent_event(self, parent: Object) -> None:
        """Handle an added, changed or deleted parent: if status changes are ignored, only spec and metadata count."""
        key, metadata = key_of(parent), parent["metadata"]
        steering = tuple(metadata.get(name) for name in ("uid", "generation", "labels", "annotations"))
        same, self._steering[key] = self._steering.get(key) == steering, steering
        if not (self._ignores_status and same and "deletionTimestamp" not in metadata):
            self._parent_changed(parent)

    def _parent_changed(self, parent: Object) -> None:
        if self._is_ours(parent):
            self._queue.add(key_of(parent))

    def _child_changed(self, child: Object) -> None:
        if owner := controller_of(child):
            for parent in self._owner(child, owner):
                self._parent_changed(parent)
        elif "deletionTimestamp" not in child["metadata"]:
            for parent in self._parents.all():
                if self._could_adopt(parent, child):
                    self._parent_changed(parent)

    def _could_adopt(self, parent: Object, orphan: Object) -> bool:
        try:
            return matches(self._selector(parent), orphan["metadata"].get("labels"))
        except ValueError:  # a parent without a selector; its own sync reports that
            return False

    def _owner(self, child: Object, owner: Object) -> list[Object]:
        if owner["kind"] != self._parents.kind:
            return []
        namespace = child["metadata"].get("namespace", "")
        candidates = [self._parents.get(owner["name"]), self._parents.get(f"{namespace}/{owner['name']}")]
        return [each for each in candidates if each and each["metadata"]["uid"] == owner["uid"]]

    def _resync(self, period: float) -> None:
        while not self._stopped.wait(period):
            for parent in self._parents.all():
                self._parent_changed(parent)

    def _work(self) -> None:
        while (key := self._queue.get()) is not None:
            try:
                self._sync(key)
                self._queue.forget(key)
            except TryLater as later:
                log.info("the hook is busy", extra={"parent": key, "seconds": later.seconds})
                self._queue.add(key, later.seconds)
            except Exception as error:
                log.error("sync failed", extra={"parent": key, "error": _describe(error)})
                self._queue.retry(key)
            finally:
                self._queue.done(key)

    # One sync, in the contract's order

    def _sync(self, key: str) -> None:
        parent = self._parents.get(key)
        if parent is None or not self._is_ours(parent):
            return
        parent = self._with_finalizer_kept(parent)
        if not self._is_ours(parent):
            return
        selector = self._selector(parent)
        observed = {
            (cache.api_version, cache.kind): claim(self._client, cache, parent, selector) for cache in self._children
        }
        deleting = "deletionTimestamp" in parent["metadata"]
        finalizing = self._finalize_hook is not None and (deleting or not self._is_selected(parent))
        hook = self._finalize_hook if self._finalize_hook and finalizing else self._sync_hook
        answer = hook.call(self._request(parent, observed, finalizing))
        if answer.resync_after_seconds > 0:
            self._queue.add(key, answer.resync_after_seconds)
        if answer.finalized:
            parent = self._change_finalizer(parent, present=False)
        desired = self._labelled(parent, selector, answer.children)
        errors: Exception | None = None
        if not deleting or self._may_finalize(parent):
            try:
                manage(self._client, self._methods, parent, observed, desired)
            except ExceptionGroup as failed:
                errors = failed
        self._update_status(parent, answer.status)
        if errors:
            raise errors

    def _is_selected(self, parent: Object) -> bool:
        return matches(self._parent_selector, parent["metadata"].get("labels"))

    def _has_finalizer(self, parent: Object) -> bool:
        return self._finalizer in parent["metadata"].get("finalizers", [])

    def _is_ours(self, parent: Object) -> bool:
        return self._has_finalizer(parent) or self._is_selected(parent)

    def _may_finalize(self, parent: Object) -> bool:
        others = set(parent["metadata"].get("finalizers", []))
        return bool(self._finalize_hook) and self._has_finalizer(parent) and not others & GARBAGE_COLLECTOR_FINALIZERS

    def _with_finalizer_kept(self, parent: Object) -> Object:
        wanted = self._finalize_hook is not None
        if self._has_finalizer(parent) == wanted or (wanted and "deletionTimestamp" in parent["metadata"]):
            return parent
        return self._change_finalizer(parent, present=wanted)

    def _change_finalizer(self, parent: Object, *, present: bool) -> Object:
        def change(live: Object) -> Object | None:
            if self._has_finalizer(live) == present:
                return None
            others = [each for each in live["metadata"].get("finalizers", []) if each != self._finalizer]
            finalizers = [*others, self._finalizer] if present else others
            return {**live, "metadata": {**live["metadata"], "finalizers": finalizers}}

        return change_live(self._client, parent, change)

    def _selector(self, parent: Object) -> Object:
        if self._generates_selector:
            return {"matchLabels": {"controller-uid": parent["metadata"]["uid"]}}
        selector = parent.get("spec", {}).get("selector") or {}
        if not (selector.get("matchLabels") or selector.get("matchExpressions")):
            raise ValueError("spec.selector of the parent is empty: fill it, or set generateSelector")
        return selector

    def _request(self, parent: Object, observed: Children, finalizing: bool) -> Object:
        children = {f"{kind}.{api_version}": group for (api_version, kind), group in observed.items()}
        return {
            "controller": self.composite,
            "parent": parent,
            "children": children,
            "related": self._related.of(parent) if self._related else {},
            "finalizing": finalizing,
        }

    def _labelled(self, parent: Object, selector: Object, answer: list[Object]) -> Children:
        """Return the desired children by kind and name, in the parent's namespace and with its labels."""
        desired: Children = {}
        for child in answer:
            metadata = dict(child["metadata"])
            if namespace := metadata.get("namespace") or parent["metadata"].get("namespace"):
                metadata["namespace"] = namespace
            if self._generates_selector:
                own = {"controller-uid": parent["metadata"]["uid"]}
                metadata["labels"] = own | (metadata.get("labels") or {})
            if not matches(selector, metadata.get("labels")):
                raise ValueError(f"the labels of {child['kind']} {metadata['name']} do not match the selector")
            placed = {**child, "metadata": metadata}
            desired.setdefault((child["apiVersion"], child["kind"]), {})[key_of(placed)] = placed
        return desired

    def _update_status(self, parent: Object, status: Object) -> None:
        status = {**status, "observedGeneration": parent["metadata"]["generation"]}

        def change(live: Object) -> Object | None:
            return None if live.get("status") == status else {**live, "status": status}

        try:
            change_live(self._client, parent, change, "status")
        except ApiError as error:
            if error.code not in (404, 409):  # deleted, or written by others: then a new sync is due anyway
                raise


def _method(rule: Object) -> str:
    method = (rule.get("updateStrategy") or {}).get("method") or "OnDelete"
    if method not in METHODS:
        raise ValueError(f"the stand-in knows the update methods {sorted(METHODS)}, not {method}")
    return method


def _describe(error: BaseException) -> str:
    causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
    return "; ".join(f"{type(each).__name__}: {each}" for each in causes)
