"""Whom the gate serves: the API server alone.

An API server shows a webhook no credential of its own, unless it was started with an AdmissionConfiguration file, which
managed clusters don't allow
(https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/). What it does keep from
everybody but cluster admins is a webhook's path. So the webhooks' paths hold a token. The API server puts a path into
its answer to the caller where a call fails, but only of a webhook with ``failurePolicy: Fail``. The one webhook that
has it, for creations, has no token in its path: it is served what the gate itself has stamped moments before, in the
same request, through a webhook that has.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from storeplatform.common.objects import GROUP

from .review import Review, spec_of
from .shards import LABEL

ANNOTATION = f"{GROUP}/admission"

# The API server ends a request after 60 s; replicas' clocks are not quite the same.
VALID_SECONDS, SKEW_SECONDS = 60, 5


class Proof:
    """Made from the token that the webhooks' paths hold."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def serves(self, shown: str) -> bool:
        """Whether a path's token is the right one."""
        return hmac.compare_digest(shown.encode(), self._token)

    def stamp(self, review: Review, shard: str, now: float) -> str:
        """What the annotation of a creation is to hold. It speaks of that creation alone, so it is no secret.

        A dry run shows its caller one that holds for no real creation.
        """
        at = str(int(now))
        return f"{at}.{self._mac(review, shard, at)}"

    def stamped(self, review: Review, now: float) -> bool:
        """Whether the gate has seen this creation begin, and gave it the shard it has.

        :param now: Unix time in seconds.
        """
        metadata = review.new.get("metadata") or {}
        shard = str((metadata.get("labels") or {}).get(LABEL, ""))
        at, _, mac = str((metadata.get("annotations") or {}).get(ANNOTATION, "")).partition(".")
        if not at.isdecimal() or len(at) > 12 or not -SKEW_SECONDS <= now - int(at) <= VALID_SECONDS:
            return False
        return hmac.compare_digest(mac.encode(), self._mac(review, shard, at).encode())

    def _mac(self, review: Review, shard: str, at: str) -> str:
        owner = str(spec_of(review.new).get("owner", ""))
        said = "\0".join(["admission", at, str(review.dry_run), review.user, review.asked_name, owner, shard])
        return hmac.new(self._token, said.encode(), sha256).hexdigest()
