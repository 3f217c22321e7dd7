"""The audit is bounded: by caller, by record and as a whole."""

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
    """Continues when it is asked to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(actor: str = "ann", outcome: str = "refused", number: int = 0) -> Record:
    at = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Record(actor, "kubectl", "create", f"shop-{number}", actor, outcome, "no", at=at)


SIZE = len(json.dumps(record().as_json()))
# How many of these are kept.
KEPT = -(-KEPT_BYTES["refused"] // SIZE)


def test_of_what_is_refused_to_one_caller_only_so_much_is_kept() -> None:
    fairness = Fairness(Clock())
    assert sum(len(fairness.kept(record())) for _ in range(KEPT * 10)) == KEPT
    assert len(fairness.kept(record("bob"))) == 1


def test_how_much_was_left_out_is_recorded_once_the_window_is_over() -> None:
    clock = Clock()
    fairness = Fairness(clock)
    for _ in range(KEPT + 7):
        fairness.kept(record())
    clock.now = WINDOW_SECONDS
    summary, own = fairness.kept(record("bob"))
    assert (summary.actor, "one of 7 refused requests" in summary.reason) == ("ann", True)
    assert own.actor == "bob"
    assert len(fairness.kept(record())) == 1


def test_what_was_done_is_kept_in_all_that_a_person_can_do() -> None:
    clock = Clock()
    fairness = Fairness(clock)
    assert sum(len(fairness.kept(record(outcome="admitted"))) for _ in range(2000)) > 1000
    clock.now = WINDOW_SECONDS
    summary, _ = fairness.kept(record("bob"))
    assert (summary.outcome, "admitted requests of this caller and kind" in summary.reason) == ("admitted", True)


def test_a_caller_who_is_refused_much_has_what_they_did_recorded_all_the_same() -> None:
    fairness = Fairness(Clock())
    for _ in range(KEPT * 10):
        fairness.kept(record())
    assert len(fairness.kept(record(outcome="admitted"))) == 1


@pytest.mark.parametrize(
    "over",
    [{"action": "delete"}, {"action": "reveal-credentials"}, {"after": {"plan": "large"}}],
    ids=lambda over: str(next(iter(over.values()))),
)
def test_nothing_that_matters_is_hidden_behind_many_labels(over: dict[str, Any]) -> None:
    fairness, labelled = Fairness(Clock()), replace(record(outcome="admitted"), action="update")
    while fairness.kept(replace(labelled, after={"metadata.labels": {"a": "x" * 1000}})):
        pass
    assert len(fairness.kept(replace(labelled, **over))) == 1


def test_many_callers_together_are_bounded_too() -> None:
    fairness = Fairness(Clock())
    for number in range(10_050):
        fairness.kept(record(f"caller-{number}"))
    assert sum(len(fairness.kept(record(f"more-{number}"))) for number in range(1000)) <= KEPT


def test_a_record_is_a_few_kilobytes_at_the_most() -> None:
    assert plain({"a": "x" * LARGEST}) == {"bytes": LARGEST + 9}


def test_no_text_of_a_record_is_longer_than_it_needs(make: MakeAudit, capfd: pytest.CaptureFixture[str]) -> None:
    audit = make()
    audit.record(replace(record(), store="x" * 100_000, owner="y" * 100_000, reason="z" * 100_000))
    audit.record(record(number=1))
    wait_until(lambda: len(audit.query()) == 2, "the second is kept in the same minute")
    kept = audit.query()[1]
    assert {len(text) for text in (kept.store, kept.owner, kept.reason)} == {LONGEST_TEXT}
    assert "x" * (LONGEST_TEXT + 1) not in capfd.readouterr().out


def test_the_oldest_records_go_where_all_take_too_much(make: MakeAudit) -> None:
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


def test_a_record_of_what_failed_after_all_is_corrected(make: MakeAudit) -> None:
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
