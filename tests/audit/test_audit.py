"""Records are found again, even after failures of the database or the process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from storeplatform.api.audit import Audit, Filters, Record
from storeplatform.api.audit.store import REFUSED
from storeplatform.common.configuration import ConfigurationError
from tests.backup.postgres import Server
from tests.cluster.waiting import wait_until

from .conftest import MakeAudit, new_audit, postgres_url

NOW = datetime.now(UTC)


def record(store: str = "shop", **over: Any) -> Record:
    values: dict[str, Any] = {
        "actor": "ann",
        "interface": "kubectl",
        "action": "create",
        "owner": "ann",
        "outcome": "admitted",
    }
    return Record(store=store, **{**values, **over})


def stored(audit: Audit, **filters: Any) -> list[str]:
    return [each.store for each in audit.query(Filters(**filters))]


def await_stored(audit: Audit, *stores: str, **filters: Any) -> None:
    wait_until(lambda: sorted(stored(audit, **filters)) == sorted(stores), f"{stores} are reported")


def metric(audit: Audit, name: str) -> float:
    return audit.registry.get_sample_value(name) or 0  # type: ignore[attr-defined, no-any-return]


def test_a_record_is_returned_unchanged(audit: Audit) -> None:
    made = record(
        owner="ann@example.com, and co",
        reason="a 'quote' and \u00e9",
        request_id="r1",
        before={"plan": "small"},
        after={"plan": "large", "restoreFrom": {"store": "a"}},
    )
    audit.record(made)
    await_stored(audit, "shop")
    assert audit.query() == [made]


@pytest.mark.parametrize(
    ("filters", "stores"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"owner": "bob"}, ["b"]),
        ({"store": "c"}, ["c"]),
        ({"actor": "root"}, ["d"]),
        ({"action": "delete"}, ["d", "a"]),
        ({"outcome": "refused"}, ["c"]),
        ({"since": NOW - timedelta(seconds=20)}, ["d", "c"]),
        ({"until": NOW - timedelta(seconds=20)}, ["b", "a"]),
        ({"since": NOW - timedelta(seconds=30), "until": NOW - timedelta(seconds=10), "action": "create"}, ["c", "b"]),
    ],
)
def test_a_filter_returns_matching_records_newest_first(
    audit: Audit, filters: dict[str, Any], stores: list[str]
) -> None:
    differing = [
        {"action": "delete"},
        {"owner": "bob"},
        {"outcome": "refused"},
        {"actor": "root", "action": "delete"},
    ]
    for seconds, (name, over) in zip((40, 30, 20, 10), zip("abcd", differing, strict=True), strict=True):
        audit.record(record(name, at=NOW - timedelta(seconds=seconds), **over))
    await_stored(audit, *"abcd")
    assert stored(audit, **filters) == stores


def test_pages_contain_each_record_once_even_with_equal_times(audit: Audit) -> None:
    for number in range(7):
        audit.record(record(str(number), at=NOW - timedelta(seconds=number // 3)))
    await_stored(audit, *map(str, range(7)))
    pages, cursor = [], None
    while page := audit.query(limit=2, cursor=cursor):
        pages += [each.store for each in page]
        cursor = page[-1].cursor
    assert sorted(pages) == list(map(str, range(7)))
    assert pages == [each.store for each in audit.export()]


def test_an_invalid_cursor_is_an_error(audit: Audit) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        audit.query(cursor="x")


def test_characters_that_databases_reject_are_recorded(audit: Audit) -> None:
    audit.record(record("a\0b\ud800" + "x" * 9000, after={"odd": "\0\ud800"}))
    wait_until(lambda: [each.store[:4] for each in audit.query()] == ["ab?x"], "it is reported")


class TestAttempts:
    """An attempt is reported as refused unless an outcome followed."""

    @pytest.mark.parametrize(
        ("sequence", "refused"),
        [
            ("a", 1),
            ("ad", 0),
            ("aad", 1),
            ("aadd", 0),
            ("ada", 1),
            ("adaad", 1),
        ],
    )
    def test_attempts_and_outcomes_are_paired_by_time(self, audit: Audit, sequence: str, refused: int) -> None:
        """``a`` is an attempt and ``d`` an outcome, with the same key, a millisecond apart."""
        for step, each in enumerate(sequence):
            outcome = {"a": "attempted", "d": "admitted"}[each]
            at = NOW - timedelta(seconds=20) + timedelta(milliseconds=step)
            audit.record(record(str(step), outcome=outcome, key="k", at=at))
        wait_until(
            lambda: (
                len(stored(audit, outcome="refused")) == refused
                and len(stored(audit, outcome="admitted")) == sequence.count("d")
            ),
            "decisions and refusals are reported",
        )
        assert {each.reason for each in audit.query(Filters(outcome="refused"))} <= {REFUSED}

    def test_of_two_attempts_the_earlier_one_was_refused(self, audit: Audit) -> None:
        for milliseconds, name, outcome in (
            (0, "refused", "attempted"),
            (1, "let", "attempted"),
            (2, "let", "admitted"),
        ):
            at = NOW - timedelta(seconds=20) + timedelta(milliseconds=milliseconds)
            audit.record(record(name, outcome=outcome, key="k", at=at))
        await_stored(audit, "refused", outcome="refused")

    def test_a_replicas_clock_that_is_ahead_makes_no_refusal(self, audit: Audit) -> None:
        at = NOW - timedelta(seconds=20)
        audit.record(record(outcome="admitted", key="k", at=at))
        audit.record(record(outcome="attempted", key="k", at=at + timedelta(seconds=1)))
        audit.record(record("long-after", outcome="attempted", key="k", at=at + timedelta(seconds=5)))
        await_stored(audit, "shop", "long-after")
        assert stored(audit, outcome="refused") == ["long-after"]

    def test_a_late_outcome_reverts_the_refusal(self, audit: Audit) -> None:
        at = NOW - timedelta(seconds=20)
        audit.record(record(outcome="attempted", key="k", at=at))
        await_stored(audit, "shop", outcome="refused")
        audit.record(record(outcome="admitted", key="k", at=at + timedelta(milliseconds=5)))
        await_stored(audit, "shop", outcome="admitted")
        wait_until(lambda: stored(audit) == ["shop"], "the refusal is gone")

    def test_a_young_attempt_is_not_reported_yet(self, audit: Audit) -> None:
        audit.record(record("young", outcome="attempted", key="k", at=datetime.now(UTC) + timedelta(hours=1)))
        audit.record(record("other"))
        await_stored(audit, "other")


def test_an_unavailable_server_loses_no_record(postgres: Server, tmp_path: Path) -> None:
    postgres.sql("CREATE DATABASE dying")
    audit = new_audit(postgres_url(postgres, "dying"), tmp_path)
    audit.record(record("before"))
    await_stored(audit, "before")
    postgres.process.kill()
    try:
        for number in range(5):
            audit.record(record(f"during-{number}"))
        wait_until(lambda: metric(audit, "store_audit_write_errors_total") >= 1, "the alert's metric rises")
        assert metric(audit, "store_audit_spool_bytes") > 500
    finally:
        postgres.start()
    await_stored(audit, "before", *(f"during-{number}" for number in range(5)))
    wait_until(lambda: metric(audit, "store_audit_spool_bytes") == 0, "nothing waits any more")
    assert metric(audit, "store_audit_dropped_total") == 0
    audit.close()


def test_a_full_spool_drops_and_counts_further_records(make: MakeAudit, capsys: Any) -> None:
    audit = make(spool_bytes=1000)
    sa.event.listen(audit._store.engine, "do_connect", refuse)
    for number in range(10):
        audit.record(record(str(number)))
    dropped = metric(audit, "store_audit_dropped_total")
    assert 0 < dropped < 10
    assert metric(audit, "store_audit_spool_bytes") <= 1000
    sa.event.remove(audit._store.engine, "do_connect", refuse)
    await_stored(audit, *map(str, range(10 - int(dropped))))


def refuse(*_: Any) -> None:
    raise sa.exc.OperationalError("connect", {}, Exception("the server is unavailable"))


def test_records_older_than_the_retention_are_removed(make: MakeAudit) -> None:
    first = make(retention_days=365)
    first.record(record("new", at=NOW - timedelta(days=29)))
    first.record(record("old", at=NOW - timedelta(days=31)))
    await_stored(first, "new", "old")
    first.close()
    second = make(retention_days=30)
    second.start()
    await_stored(second, "new")


def test_an_attempt_with_an_outcome_is_removed_after_a_day(make: MakeAudit) -> None:
    first = make()
    for seconds, outcome in ((0, "attempted"), (1, "admitted")):
        at = NOW - timedelta(days=2) + timedelta(seconds=seconds)
        first.record(record(outcome, outcome=outcome, key="k", at=at))
    first.record(record("other", outcome="attempted", key="l", at=NOW - timedelta(days=2)))
    await_stored(first, "admitted", "other")
    first.close()
    second = make()
    second.start()
    with second._store.engine.connect() as connection:
        rows = sa.text("SELECT store FROM audit ORDER BY store")
        wait_until(lambda: connection.execute(rows).scalars().all() == ["admitted", "other"], "two rows are left")


SUSPENDS = {"action": "suspend", "before": {"suspended": False}, "after": {"suspended": True}, "key": "k"}
RESUMES = {"action": "resume", "before": {"suspended": True}, "after": {"suspended": False}, "key": "l"}
ENLARGES = {"action": "update", "before": {"plan": "small"}, "after": {"plan": "large"}, "key": "m", "actor": "pat"}


@pytest.mark.parametrize(
    ("decided", "stands"),
    [
        ((SUSPENDS, SUSPENDS), ["suspend"]),
        ((SUSPENDS, ENLARGES, SUSPENDS), ["suspend", "update"]),
        ((SUSPENDS, RESUMES, SUSPENDS), ["suspend", "resume", "suspend"]),
        ((SUSPENDS, {**SUSPENDS, "actor": "pat"}), ["suspend", "suspend"]),
        ((SUSPENDS, {**SUSPENDS, "outcome": "refused"}), ["suspend", "suspend"]),
    ],
)
def test_an_admission_that_the_api_server_repeats_is_reported_once(
    audit: Audit, decided: tuple[dict[str, Any], ...], stands: list[str]
) -> None:
    for seconds, values in enumerate(decided):
        audit.record(record(**values, at=NOW + timedelta(seconds=seconds)))
    for last in ("last", "very-last"):  # when the second arrives, the first has already been matched
        audit.record(record(last))
        wait_until(lambda name=last: name in stored(audit), f"{last} is reported")
    assert [each.action for each in audit.query(Filters(store="shop"))] == stands


WRITER = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from storeplatform.api.audit import Audit, Record
from storeplatform.common.serving.logs import configure_logs
configure_logs()
audit = Audit(sys.argv[1], Path(sys.argv[2]), 10_000_000, 365, 2**40, CollectorRegistry())
for number in range(int(sys.argv[4])):
    audit.record(Record("ann", "kubectl", "create", f"{sys.argv[3]}-{number}", "ann", "admitted"))
    print(number, flush=True)
if sys.argv[5:] == ["close"]:
    audit.close()
else:
    sys.stdin.read()
"""


def writer(url: str, spool: Path, name: str, count: int, *then: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, url, str(spool), name, str(count), *then]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


def test_processes_share_a_spool_and_a_database(url: str, make: MakeAudit, tmp_path: Path) -> None:
    writers = [writer(url, tmp_path / "spool", name, 100, "close") for name in ("one", "two")]
    for each in writers:
        each.communicate(timeout=60)
        assert each.returncode == 0
    audit = make()
    audit.start()
    wait_until(lambda: len(audit.query(limit=500)) == 200, "each process' records are reported")
    assert len({each.store for each in audit.export()}) == 200


def test_a_killed_process_loses_no_record(url: str, make: MakeAudit, tmp_path: Path) -> None:
    with writer(url, tmp_path / "spool", "killed", 10_000) as process:
        assert process.stdout
        for _ in range(200):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        recorded = 200 + len(process.stdout.readlines())
    audit = make()
    audit.start()
    wait_until(lambda: len(list(audit.export())) >= recorded, "all of it is reported")
    stores = [each.store for each in audit.export()]
    assert len(stores) == len(set(stores))
    assert {f"killed-{number}" for number in range(recorded)} <= set(stores)


def test_a_segment_that_was_moved_but_not_removed_is_reported_once(make: MakeAudit, tmp_path: Path) -> None:
    audit = make()
    one = record()
    (tmp_path / "spool" / "0-again.jsonl").write_text(json.dumps(one.as_json()) + "\n")
    audit.record(one)
    await_stored(audit, "shop")
    wait_until(lambda: metric(audit, "store_audit_spool_bytes") == 0, "both are moved")
    assert stored(audit) == ["shop"]


def test_an_invalid_line_in_the_spool_is_skipped_and_counted(make: MakeAudit, tmp_path: Path) -> None:
    audit = make()
    (tmp_path / "spool" / "0-odd.jsonl").write_text('{"at": 1}\nhalf a li\n')
    audit.record(record())
    await_stored(audit, "shop")
    assert metric(audit, "store_audit_dropped_total") == 2


@pytest.mark.parametrize("url", ["", "audit.db", "mysql://h/d", "nonsense+x://h", "postgresql+nodriver://ann:hush@h/d"])
def test_an_invalid_url_is_reported_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"must be sqlite:////path/audit[.]db or postgresql") as error:
        Audit(url, tmp_path, 1000, 1, 2**40, CollectorRegistry())
    assert "hush" not in str(error.value)


def test_a_folder_that_can_not_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"the audit's spool .* must be a folder to write to"):
        Audit(f"sqlite:///{tmp_path}/a.db", tmp_path / "file" / "spool", 1000, 1, 2**40, CollectorRegistry())
    with pytest.raises(ConfigurationError, match="the audit store's folder can't be made"):
        Audit(f"sqlite:///{tmp_path}/file/x/a.db", tmp_path / "spool", 1000, 1, 2**40, CollectorRegistry())
