"""Serve the API server only.

An API server sends webhooks no credentials unless it was started with an AdmissionConfiguration file, which managed
clusters do not allow (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/). But
it does hide a webhook's path from everyone except cluster admins, so the webhooks' paths contain a token. If a call
fails, the API server includes the path in its response to the caller, but only for a webhook with ``failurePolicy:
Fail``. There is one such webhook, for creations, so its path has no token. It accepts only what the gate itself has
stamped shortly before, in the same request, in a webhook whose path has a token.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from storeplatform.common.objects import GROUP

from .review import Review, spec_of
from .shards import LABEL

ANNOTATION = f"{GROUP}/admission"

# In seconds. The API server ends a request after 60 s, and replicas' clocks may differ a little.
VALID_SECONDS, SKEW_SECONDS = 60, 5


class Proof:
    """Made from the token in the webhooks' paths."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def serves(self, shown: str) -> bool:
        """Whether a path's token is the right one."""
        return hmac.compare_digest(shown.encode(), self._token)

    def stamp(self, review: Review, shard: str, now: float) -> str:
        """Return the value of a creation's annotation. It is valid for that creation only, so it is not secret.

        In a dry run, the caller sees a stamp that is not valid for a real creation.
        """
        at = str(int(now))
        return f"{at}.{self._mac(review, shard, at)}"

    def stamped(self, review: Review, now: float) -> bool:
        """Whether the gate saw this creation in its first webhook, and assigned the shard it has.

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
