"""What the gate does with a request of a Store: judge, give slots back, write receipts, and tell the audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from storeplatform.api.audit import Audit, Record

from . import receipt, record
from .cluster import Cluster, Deadline, TimeIsUp
from .metrics import Metrics
from .quota import quota_name
from .review import Review, admitted, refused
from .shards import shard_patch
from .slots import UNANSWERED, QuotaExceeded, Slots

# Within the webhook's own timeout of 10 s, with time left for a queue before and the way back.
JUDGE_SECONDS = 7
# What refuses nothing must not hold up what it follows.
FOLLOW_SECONDS = 3

log = structlog.get_logger("gate")


class Gate:
    """One for all requests.

    :param api_user: who the intent API is to the API server. It has its own part of the audit, so its requests are
        held to the quotas and not recorded. :param shards: how many controllers share the Stores.
    """

    def __init__(
        self, cluster: Cluster, slots: Slots, audit: Audit, metrics: Metrics, api_user: str, shards: int
    ) -> None:
        self._cluster, self._slots, self._audit, self._metrics = cluster, slots, audit, metrics
        self._api_user, self._shards = api_user, shards

    def attempt(self, review: Review) -> bytes:
        """The answer at the request's beginning: it goes on, with its shard."""
        self._record(review, record.attempt(review))
        return admitted(review, shard_patch(review, self._shards))

    def judge(self, review: Review) -> bytes:
        """The answer at its end. Only a creation can be refused."""
        if review.operation == "CREATE":
            return self._create(review)
        if not review.dry_run:
            if review.operation == "DELETE":
                self._try("slot", lambda: self._give_back(review))
            if receipt.is_last(review):
                self._receipt(review)
        return self._conclude(review, "admitted", "", admitted(review))

    def judge_quota(self, review: Review) -> bytes:
        """The answer to whoever sets a limit: an owner's is looked for by one name alone."""
        owner = (review.object.get("spec") or {}).get("owner")
        if review.operation == "CREATE" and owner is not None and review.name != quota_name(owner):
            message = f"the StoreQuota of {owner} must be named {quota_name(owner)}: by another name it counts nothing"
            self._record(review, record.quota(review, "refused", message))
            return refused(review, 422, "Invalid", message)
        self._record(review, record.quota(review, "admitted", ""))
        return admitted(review)

    def _create(self, review: Review) -> bytes:
        owner, deadline = review.new["spec"]["owner"], Deadline.within(JUDGE_SECONDS)
        try:
            if shard_patch(review, self._shards):
                raise TimeIsUp  # its beginning went past us, and a Store without a shard is no controller's
            self._slots.take(review.name, owner, deadline, dry_run=review.dry_run)
        except QuotaExceeded as error:
            code, reason, message = 403, "Forbidden", str(error)
        except TimeIsUp:
            self._metrics.undecided.inc()
            code, reason = 429, "TooManyRequests"
            message = f"too much is asked for at once to count the stores of {owner} in time: try again"
        except (ApiException, HTTPError) as error:
            self._metrics.undecided.inc()
            log.error("a quota can't be counted", store=review.name, owner=owner, error=_words(error))
            code, reason = 503, "ServiceUnavailable"
            message = f"the stores of {owner} can't be counted now: try again, and tell a platform admin if it lasts"
        else:
            return self._conclude(review, "admitted", "", admitted(review))
        return self._conclude(review, "refused", message, refused(review, code, reason, message))

    def _give_back(self, review: Review) -> None:
        metadata, owner = review.old["metadata"], review.old["spec"]["owner"]
        self._slots.give_back(metadata["name"], metadata["uid"], owner, Deadline.within(FOLLOW_SECONDS))

    def _receipt(self, review: Review) -> None:
        event = receipt.event(review, datetime.now(UTC))
        self._try("receipt", lambda: self._cluster.create_event(event, Deadline.within(FOLLOW_SECONDS)))
        self._audit.record(record.gone(review, receipt.words(review)))

    def _try(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except UNANSWERED as error:
            self._metrics.failures.labels(what).inc()
            log.error(f"a {what} failed", error=_words(error))

    def _conclude(self, review: Review, outcome: str, reason: str, answer: bytes) -> bytes:
        self._metrics.admissions.labels(review.operation, outcome).inc()
        self._record(review, record.decision(review, outcome, reason))
        return answer

    def _record(self, review: Review, made: Record | None) -> None:
        if made and not review.dry_run and review.user != self._api_user:
            self._audit.record(made)


def _words(error: Exception) -> str:
    """Not the API server's headers and body, which an ApiException's text has."""
    return f"{error.status} {error.reason}" if isinstance(error, ApiException) else repr(error)
