"""Make creations with an Idempotency-Key safe to repeat.

A key is a Lease in the platform's namespace, named by a hash of the key and its caller: the API server creates it only
once, even if several replicas try at the same time. It contains a hash of the request's body, and the UID of the
created Store once that is known. The Store has the Lease's name in an annotation that only this API may write, so a
creation that was interrupted between the two is recognized too. ``keys.forget_old`` removes keys after a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from kubernetes.client.exceptions import ApiException

from storeplatform.common.objects import GROUP

from .cluster import Cluster, Object, Unreachable
from .keys import LABELS
from .leases import Leases
from .operations import Body
from .problems import Problem

KEY_ANNOTATION = f"{GROUP}/idempotency-key"
BODY = f"{GROUP}/idempotency-body"
MADE = f"{GROUP}/idempotency-made"
LONGEST = 255

log = structlog.get_logger("api.idempotency")


@dataclass
class Attempt:
    """One creation with a key. ``lease`` is the key's, as it is on the API server."""

    cluster: Cluster
    leases: Leases
    name: str
    lease: Object

    def mark(self, metadata: dict[str, Any]) -> None:
        """Add the key to the metadata of the Store that is about to be created."""
        metadata["annotations"] = {**metadata.get("annotations", {}), KEY_ANNOTATION: self.name}

    def made_before(self, name: str) -> Object | None:
        """Return the Store of that name if this key created it; None if it has created none yet.

        :raise Problem: that Store is deleted, or being deleted.
        """
        store = self.cluster.find(name)
        ours = store is not None and store["metadata"].get("annotations", {}).get(KEY_ANNOTATION) == self.name
        uid = self.lease["metadata"]["annotations"].get(MADE)
        if store is None or not ours or (uid and store["metadata"]["uid"] != uid):
            if uid:
                raise Problem(
                    "conflict",
                    f"the store {name} that this request created is deleted: use a new key to create another one",
                )
            return None
        if store["metadata"].get("deletionTimestamp"):
            raise Problem(
                "conflict",
                f"the store {name} that this request created is being deleted: use a new key to create another one",
            )
        return store

    def made(self, store: Object) -> None:
        """Record what the key created.

        If that fails, the Store's annotation identifies it for as long as the Store exists.

        The Store exists by then, so a failure here must not be reported to the caller.
        """
        self.lease["metadata"]["annotations"][MADE] = store["metadata"]["uid"]
        try:
            self.lease = self.leases.replace(self.lease)
        except (ApiException, Unreachable) as error:
            log.warning(
                "the result of an idempotency key was not recorded",
                store=store["metadata"]["name"],
                error=type(error).__name__,
            )


@contextmanager
def attempt(cluster: Cluster, leases: Leases, caller: str, key: str, body: Body) -> Iterator[Attempt]:
    """Hold a key for one request. If the request is refused and was the key's first use, the key is released.

    :raise Problem: the key is too long, or was used for another request.
    """
    if len(key) > LONGEST:
        raise Problem("invalid", f"an Idempotency-Key must have at most {LONGEST} characters")
    name, digest = f"idempotency-{_digest([caller, key])[:40]}", _digest(body)
    lease = leases.create(name, LABELS, {BODY: digest})
    first = lease is not None
    lease = lease or leases.find(name)
    if lease is None:
        raise Problem(
            "unavailable", "the first use of this key was just refused: try again", headers={"Retry-After": "1"}
        )
    if lease["metadata"]["annotations"].get(BODY) != digest:
        raise Problem("idempotency-mismatch", "this Idempotency-Key was used for another request: use a new key")
    try:
        yield Attempt(cluster, leases, name, lease)
    except (ApiException, Problem) as error:
        if first and 400 <= (error.status or 0) < 500:
            leases.delete(lease)
        raise


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
