"""Handle an admission request for a Store: decide, release reservations, write deletion records and the audit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from storeplatform.api.audit import Audit, Record
from storeplatform.common.timeouts import GATE_CHANGE, GATE_CREATE

from ..storequotas import quota_name
from . import deletion_record, record
from .cluster import Deadline, GateCluster, TimeIsUp
from .metrics import Metrics
from .mutation import mutation
from .outcomes import Outcomes
from .proof import Proof
from .reservations import UNANSWERED, NamespaceTaken, NameTaken, QuotaExceeded, Reservations
from .review import Review, admitted, refused

log = structlog.get_logger("gate")


@dataclass(frozen=True)
class Callers:
    """How the gate recognizes callers.

    :param proof: recognizes the API server.
    :param api: the intent API's user name. It writes its own audit records, so its requests count against quotas but
    are not recorded.
    :param controller: Metacontroller's user name.
    :param shards: how many controllers share the Stores.
    """

    proof: Proof
    api: str
    controller: str
    shards: int


class Gate:
    """Handles all requests of one process."""

    def __init__(
        self,
        cluster: GateCluster,
        reservations: Reservations,
        audit: Audit,
        outcomes: Outcomes,
        metrics: Metrics,
        callers: Callers,
    ) -> None:
        self._cluster, self._reservations, self._audit, self._metrics = cluster, reservations, audit, metrics
        self._outcomes, self._callers = outcomes, callers

    def attempt(self, review: Review) -> bytes:
        """Respond to the first webhook of a request: it continues, with the gate's additions."""
        self._record(review, record.attempt(review))
        callers = self._callers
        return admitted(review, mutation(review, callers.proof, callers.api, callers.shards, time.time()))

    def create(self, review: Review) -> bytes:
        """Respond to the last webhook of a creation. It is refused if the gate has not seen the first one."""
        if not self._callers.proof.stamped(review, time.time()):
            return refused(review, 429, "TooManyRequests", "the gate did not see this request in time: try again")
        owner, deadline = review.new["spec"]["owner"], Deadline.within(GATE_CREATE)
        try:
            self._reservations.take(review.name, owner, deadline, dry_run=review.dry_run)
        except NameTaken as error:
            return self._refuse(review, 409, "AlreadyExists", str(error))
        except NamespaceTaken as error:
            return self._refuse(review, 422, "Invalid", str(error))
        except QuotaExceeded as error:
            return self._refuse(review, 403, "Forbidden", str(error))
        except TimeIsUp:
            self._metrics.undecided.inc()
            message = f"too many requests at once: the stores of {owner} could not be counted in time: try again"
            return self._refuse(review, 429, "TooManyRequests", message)
        except (ApiException, HTTPError) as error:
            self._metrics.undecided.inc()
            log.error("a quota can't be counted", store=review.name, owner=owner, error=_words(error))
            message = f"the stores of {owner} can't be counted now: try again, and tell a platform admin if it lasts"
            return self._refuse(review, 503, "ServiceUnavailable", message)
        return self._conclude(review, "admitted", "", admitted(review))

    def change(self, review: Review) -> bytes:
        """Respond to the last webhook of a change or a deletion. Neither is refused here."""
        self._outcomes.exists(str(review.old["metadata"].get("uid", "")))
        if not review.dry_run and not review.subresource:
            if review.operation == "DELETE":
                self._try("reservation", lambda: self._give_back(review))
            if deletion_record.is_last(review):
                self._write_deletion_record(review)
        return self._conclude(review, "admitted", "", admitted(review))

    def judge_quota(self, review: Review) -> bytes:
        """Respond to a StoreQuota's creation or change.

        An owner's limit is only found by one name, so others are refused.
        """
        owner = (review.object.get("spec") or {}).get("owner")
        if review.operation == "CREATE" and owner is not None and review.name != quota_name(owner):
            message = (
                f"the StoreQuota of {owner} must be named {quota_name(owner)}: under any other name it has no effect"
            )
            self._record(review, record.quota(review, "refused", message))
            return refused(review, 422, "Invalid", message)
        self._record(review, record.quota(review, "admitted", ""))
        return admitted(review)

    def _give_back(self, review: Review) -> None:
        metadata, owner = review.old["metadata"], review.old["spec"]["owner"]
        self._reservations.give_back(metadata["name"], metadata["uid"], owner, Deadline.within(GATE_CHANGE))

    def _write_deletion_record(self, review: Review) -> None:
        event = deletion_record.event(review, datetime.now(UTC))
        self._try("deletion record", lambda: self._cluster.create_event(event, Deadline.within(GATE_CHANGE)))
        self._audit.record(record.gone(review, deletion_record.words(review)))

    def _try(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except UNANSWERED as error:
            self._metrics.failures.labels(what).inc()
            log.error(f"a {what} failed", error=_words(error))

    def _refuse(self, review: Review, code: int, reason: str, message: str) -> bytes:
        return self._conclude(review, "refused", message, refused(review, code, reason, message))

    def _conclude(self, review: Review, outcome: str, reason: str, answer: bytes) -> bytes:
        self._metrics.admissions.labels(review.operation, outcome).inc()
        made = self._record(review, record.decision(review, outcome, reason))
        if made and outcome == "admitted":
            self._outcomes.follow(review, made)
        return answer

    def _record(self, review: Review, made: Record | None) -> Record | None:
        """Write the record unless the caller is the intent API, which writes its own, or Metacontroller without a
        change of the spec.
        """
        if made is None or review.dry_run or review.user == self._callers.api:
            return None
        if review.user == self._callers.controller and review.old.get("spec") == review.new.get("spec"):
            return None
        self._audit.record(made)
        return made


def _words(error: Exception) -> str:
    """Return an error's text without the API server's headers and body, which an ApiException's text contains."""
    return f"{error.status} {error.reason}" if isinstance(error, ApiException) else repr(error)
