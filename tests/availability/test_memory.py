"""A large response does not use more memory in a service than a small one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from storeplatform.api.audit import Audit, Record
from tests.api.server import USERS, Api, token_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import binary
from tests.cluster.processes import Process
from tests.dashboard.server import Dashboard, Visitor
from tests.stores.platform import apply_shipped

__all__ = ["binary"]

RECORDS = 20_000
# A response of 10 MB passes through both services.
MOST_BYTES = 16 << 20


@pytest.fixture(scope="module")
def plane(binary: object) -> Iterator[ControlPlane]:
    with ControlPlane(users=USERS) as plane:
        apply_shipped(plane.client)
        yield plane


def fill(url: str, spool: Path) -> None:
    audit = Audit(url, spool, 1 << 30, 365, 1 << 40, CollectorRegistry())
    for number in range(RECORDS):
        who = f"owner-{number // 10}"  # several owners, because the records of one are limited
        after = {"plan": "small", "number": number, "note": "x" * 200}
        audit.record(
            Record(
                actor=who,
                interface="api",
                action="update",
                store=f"s-{number}",
                owner="ann",
                outcome="admitted",
                after=after,
            )
        )
    audit.close()


def worker_of(process: Process) -> psutil.Process:
    (worker,) = psutil.Process(process.pid).children(recursive=True)
    return worker


def test_an_audit_of_twenty_thousand_records_is_streamed(plane: ControlPlane) -> None:
    with Api(plane) as api, Dashboard(api.url) as dashboard, Visitor(dashboard.url) as ada:
        fill(f"sqlite:///{api.home}/audit.db", api.home / "filling")
        ada.sign_in(token_of(plane, "ada"))
        assert ada.get("/audit").status_code == 200
        workers = [worker_of(each) for each in (api.processes[0], dashboard.processes[0])]
        before = [each.memory_info().rss for each in workers]
        most = before
        lines = 0
        with ada.get("/audit.csv", stream=True) as answer:
            for piece in answer.iter_content(1 << 16):
                lines += piece.count(b"\r\n")
                most = [max(known, each.memory_info().rss) for known, each in zip(most, workers, strict=True)]
        assert lines >= RECORDS
        assert all(peak - start < MOST_BYTES for peak, start in zip(most, before, strict=True)), (before, most)
