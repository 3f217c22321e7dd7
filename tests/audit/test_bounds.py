"""The audit's size is limited per caller, per record and in total."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storeplatform.api.audit import Record
from storeplatform.api.audit.fairness import KEPT_BYTES, WINDOW_SECONDS, Fairness
from storeplatform.api.audit.record import LARGEST, LONGEST_TEXT, plain
from tests.cluster.waiting import wait_until

from .conftest import MakeAudit


class Clock:
    """A clock that advances only when a test advances it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(actor: str = "ann", outcome: str = "refused", number: int = 0) -> Record:
    at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Record(actor, "kubectl", "create", f"shop-{number}", actor, outcome, "no", at=at)


SIZE = len(json.dumps(record().as_json()))
# How many of these are kept.
KEPT = -(-KEPT_BYTES["refused"] // SIZE)


def test_refusals_of_one_caller_are_limited() -> None:
    fairness = Fairness(Clock())
    assert sum(len(fairness.kept(record())) for _ in range(KEPT * 10)) == KEPT
    assert len(fairness.kept(record("bob"))) == 1


def test_dropped_records_are_summarized_once_per_window() -> None:
    clock = Clock()
    fairness = Fairness(clock)
    for _ in range(KEPT + 7):
        fairness.kept(record())
    clock.now = WINDOW_SECONDS
    summary, own = fairness.kept(record("bob"))
    assert (summary.actor, "one of 7 refused requests" in summary.reason) == ("ann", True)
    assert own.actor == "bob"
    assert len(fairness.kept(record())) == 1


def test_changes_up_to_what_a_person_can_do_are_all_kept() -> None:
    clock = Clock()
    fairness = Fairness(clock)
    assert sum(len(fairness.kept(record(outcome="admitted"))) for _ in range(2000)) > 1000
    clock.now = WINDOW_SECONDS
    summary, _ = fairness.kept(record("bob"))
    assert (summary.outcome, "admitted requests of this caller and kind" in summary.reason) == ("admitted", True)


def test_a_caller_with_many_refusals_still_has_their_changes_recorded() -> None:
    fairness = Fairness(Clock())
    for _ in range(KEPT * 10):
        fairness.kept(record())
    assert len(fairness.kept(record(outcome="admitted"))) == 1


@pytest.mark.parametrize(
    "over",
    [{"action": "delete"}, {"action": "reveal-credentials"}, {"after": {"plan": "large"}}],
    ids=lambda over: str(next(iter(over.values()))),
)
def test_many_label_changes_hide_no_other_action(over: dict[str, Any]) -> None:
    fairness, labelled = Fairness(Clock()), replace(record(outcome="admitted"), action="update")
    while fairness.kept(replace(labelled, after={"metadata.labels": {"a": "x" * 1000}})):
        pass
    assert len(fairness.kept(replace(labelled, **over))) == 1


def test_many_callers_together_are_limited_too() -> None:
    fairness = Fairness(Clock())
    for number in range(10_050):
        fairness.kept(record(f"caller-{number}"))
    assert sum(len(fairness.kept(record(f"more-{number}"))) for number in range(1000)) <= KEPT


def test_a_record_has_at_most_a_few_kilobytes() -> None:
    assert plain({"a": "x" * LARGEST}) == {"bytes": LARGEST + 9}


def test_strings_in_a_record_are_truncated(make: MakeAudit, capfd: pytest.CaptureFixture[str]) -> None:
    audit = make()
    audit.record(replace(record(), store="x" * 100_000, owner="y" * 100_000, reason="z" * 100_000))
    audit.record(record(number=1))
    wait_until(lambda: len(audit.query()) == 2, "the second is kept in the same minute")
    kept = audit.query()[1]
    assert {len(text) for text in (kept.store, kept.owner, kept.reason)} == {LONGEST_TEXT}
    assert "x" * (LONGEST_TEXT + 1) not in capfd.readouterr().out


def test_the_oldest_records_are_removed_when_the_audit_is_too_large(make: MakeAudit) -> None:
    first = make()
    for number in range(100):
        first.record(record(outcome="admitted", number=number))
    wait_until(lambda: len(first.query(limit=500)) == 100, "all are there")
    small = make(retention_bytes=20 * 500)
    small.record(record(outcome="admitted", number=100))

    def left() -> list[Record]:
        found = small.query(limit=500)
        return found if found and len(found) < 100 else []

    kept = wait_until(left, "the oldest are removed")
    assert 10 <= len(kept) <= 30
    assert kept[0].store == "shop-100"


def test_a_record_of_a_request_that_failed_later_is_corrected(make: MakeAudit) -> None:
    audit = make()
    made = record(outcome="admitted")
    audit.record(made)
    wait_until(lambda: audit.query(), "it is there")
    corrected = Record(**{**made.__dict__, "outcome": "refused", "reason": "it was not stored"})
    audit.record(corrected)
    wait_until(lambda: [each.reason for each in audit.query()] == ["it was not stored"], "it is corrected")
    audit.record(made)
    audit.record(record(outcome="admitted", number=1))
    wait_until(lambda: len(audit.query()) == 2, "both are there")
    assert [each.outcome for each in audit.query()] == ["admitted", "refused"]
