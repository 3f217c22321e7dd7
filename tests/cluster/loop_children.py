"""Claim the children of a parent, and bring them to the state in the hook's response."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from .client import ApiError, Client, Object
from .loop_cache import Cache, controller_of, key_of
from .loop_merge import updated, with_last_applied

Group = dict[str, Object]  # by namespace/name
Children = dict[tuple[str, str], Group]  # by apiVersion and kind
CONFLICT_RETRIES = 5
log = logging.getLogger("loop.children")


def matches(selector: Object, labels: dict[str, str] | None) -> bool:
    """Whether labels match a Kubernetes label selector."""
    labels = labels or {}
    checks: dict[str, Callable[[str, list[str]], bool]] = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, _: key in labels,
        "DoesNotExist": lambda key, _: key not in labels,
    }
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        checks[each["operator"]](each["key"], each.get("values", [])) for each in selector.get("matchExpressions", [])
    )


def change_live(
    client: Client, obj: Object, change: Callable[[Object], Object | None], subresource: str = ""
) -> Object:
    """Read an object, change it and write it back, and repeat on conflicts.

    :param change: returns the new object, or None if there is nothing to do.
    :raise ApiError: with code 404 also if another object of that name exists now; 409 after several attempts.
    """
    for attempt in range(CONFLICT_RETRIES):
        live = client.request("GET", client.path_of(obj))
        if live["metadata"]["uid"] != obj["metadata"]["uid"]:
            raise ApiError("GET", client.path_of(obj), 404, "NotFound", "another object has its name now")
        wanted = change(live)
        if wanted is None:
            return live
        try:
            return client.replace(wanted, subresource)
        except ApiError as error:
            if error.code != 409 or attempt == CONFLICT_RETRIES - 1:
                raise
    raise AssertionError("unreachable")


def claim(client: Client, cache: Cache, parent: Object, selector: Object) -> Group:
    """Return the parent's children of one kind, after adopting orphans that its selector matches and releasing those it
    does not.

    A parent that is being deleted adopts and releases nothing.
    """
    uid, namespace = parent["metadata"]["uid"], parent["metadata"].get("namespace")
    deleting = "deletionTimestamp" in parent["metadata"]
    claimed: Group = {}
    for obj in cache.controlled_by(uid) + ([] if deleting else cache.controlled_by("")):
        if namespace and obj["metadata"].get("namespace") != namespace:
            continue
        matched = matches(selector, obj["metadata"].get("labels"))
        owned = controller_of(obj) is not None
        if matched and not owned and "deletionTimestamp" not in obj["metadata"]:
            _adopt(client, parent, obj)
        elif owned and not matched and not deleting:
            _release(client, uid, obj)
        if matched and (owned or "deletionTimestamp" not in obj["metadata"]):
            claimed[key_of(obj)] = obj
    return claimed


def manage(
    client: Client, methods: dict[tuple[str, str], str], parent: Object, observed: Children, desired: Children
) -> None:
    """Delete observed children that are not desired, then create or update the desired ones.

    :param methods: update method by API group and kind; a kind that is missing here is only created.
    :raise ExceptionGroup: what the API server refused; everything else was done.
    """
    errors: list[Exception] = []
    for kind, group in _in_order(observed):
        for key, obj in group.items():
            if key not in desired.get(kind, {}) and "deletionTimestamp" not in obj["metadata"]:
                _try(errors, {404}, partial(client.delete, obj, uid=obj["metadata"]["uid"]))
    for kind, group in _in_order(desired):
        for key, obj in group.items():
            live = observed.get(kind, {}).get(key)
            if live is None:
                _try(errors, {"AlreadyExists"}, partial(_create, client, parent, obj))
            elif methods.get((_group_of(kind[0]), kind[1])) == "InPlace":
                _try(errors, {404, "Conflict"}, partial(_update, client, live, obj))
    if errors:
        raise ExceptionGroup("some children could not be managed", errors)


def _in_order(children: Children) -> list[tuple[tuple[str, str], Group]]:
    """By group, version and kind: the core group, whose name is "", comes first."""
    return sorted(children.items(), key=lambda item: (_group_of(item[0][0]), item[0][0].split("/")[-1], item[0][1]))


def _group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _try(errors: list[Exception], accepted: set[Any], call: Callable[[], object]) -> None:
    """Make a call; keep its error unless its code or reason is accepted, because the next sync handles it."""
    try:
        call()
    except ApiError as error:
        if not {error.code, error.reason} & accepted:
            errors.append(error)
    except LookupError as error:
        errors.append(error)


def _create(client: Client, parent: Object, desired: Object) -> None:
    namespaced = client.resource(desired["apiVersion"], desired["kind"])["namespaced"]
    if namespaced and not desired["metadata"].get("namespace"):
        raise LookupError(f"the hook gave {desired['kind']} {key_of(desired)} no metadata.namespace")
    log.info("creating", extra={"child": key_of(desired), "kind": desired["kind"]})
    client.create(_owned(parent, with_last_applied(desired, desired)))


def _update(client: Client, live: Object, desired: Object) -> None:
    wanted = updated(live, desired)
    if wanted != live and "deletionTimestamp" not in live["metadata"]:
        log.info("updating", extra={"child": key_of(desired), "kind": desired["kind"]})
        client.replace(wanted)


def _owned(parent: Object, obj: Object) -> Object:
    references = obj["metadata"].get("ownerReferences") or []
    if any(each["uid"] == parent["metadata"]["uid"] for each in references):
        return obj
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": [*references, _reference_to(parent)]}}


def _reference_to(parent: Object) -> Object:
    return {
        "apiVersion": parent["apiVersion"],
        "kind": parent["kind"],
        "name": parent["metadata"]["name"],
        "uid": parent["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _adopt(client: Client, parent: Object, obj: Object) -> None:
    fresh = client.request("GET", client.path_of(parent))
    if fresh["metadata"]["uid"] != parent["metadata"]["uid"] or "deletionTimestamp" in fresh["metadata"]:
        raise ApiError("GET", client.path_of(parent), 404, "NotFound", "the parent is gone and adopts nothing")
    change_live(client, obj, lambda live: _owned(parent, live))


def _release(client: Client, uid: str, obj: Object) -> None:
    def without_owner(live: Object) -> Object:
        references = [each for each in live["metadata"].get("ownerReferences", []) if each["uid"] != uid]
        return {**live, "metadata": {**live["metadata"], "ownerReferences": references}}

    try:
        change_live(client, obj, without_owner)
    except ApiError as error:
        if error.code != 404:
            raise
