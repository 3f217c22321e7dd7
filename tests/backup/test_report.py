"""The numbers that a backup reports for the store's status; no failure of it fails a backup."""

import json
from pathlib import Path

import pytest

from .store import SECRETS, BackupStore, whole

ORDERS = "SELECT count(*) FROM purchase"
CAN_NOT_COUNT = {
    "no such table": {"BACKUP_ORDERS_QUERY": "SELECT count(*) FROM no_such_table"},
    "no number": {"BACKUP_ORDERS_QUERY": "SELECT 'many'"},
    "two statements": {"BACKUP_ORDERS_QUERY": "SELECT 1; SELECT 2"},
}


@pytest.fixture
def file(store: BackupStore) -> Path:
    """A report's file, as the kubelet creates it."""
    file = store.area / "report"
    file.touch()
    file.chmod(0o666)
    store.env |= {"BACKUP_REPORT": str(file), "BACKUP_ORDERS_QUERY": ORDERS}
    return file


def test_a_backup_reports_its_size_and_contents(store: BackupStore, file: Path) -> None:
    store.ok("backup")
    report = json.loads(file.read_text())
    size = int(store.sql("SELECT pg_database_size(current_database())"))
    assert report["bytes"] == store.listed()[0]["bytes"]
    assert report["orders"] == int(store.sql(ORDERS))
    assert report["databaseBytes"] == pytest.approx(size, rel=0.1)
    assert report["uploadsBytes"] > 4096
    assert not [secret for secret in SECRETS if secret in file.read_text()]


@pytest.mark.parametrize("target", ["volume"], indirect=True)
class TestWhereArchivesAreDoesNotMatter:
    """Tests that do not depend on the archive target, so they run once."""

    def test_what_does_not_exist_is_not_counted(self, store: BackupStore, file: Path) -> None:
        store.ok("backup", UPLOADS_DIR="", BACKUP_ORDERS_QUERY="")
        assert json.loads(file.read_text()).keys() == {"bytes", "databaseBytes"}

    @pytest.mark.parametrize("setting", CAN_NOT_COUNT.values(), ids=CAN_NOT_COUNT.keys())
    def test_a_count_that_fails_is_omitted_and_fails_no_backup(
        self, store: BackupStore, file: Path, setting: dict[str, str]
    ) -> None:
        store.ok("backup", **setting)
        assert json.loads(file.read_text()).keys() == {"bytes", "databaseBytes", "uploadsBytes"}
        assert len(whole(store.target)) == 1

    def test_a_report_that_can_not_be_written_fails_no_backup(self, store: BackupStore, file: Path) -> None:
        file.chmod(0o444)
        store.backup("2026-11-25 06:00:00Z")
        store.backup("2026-11-26 06:00:00Z", BACKUP_REPORT=str(store.area / "no such file"))
        assert (len(whole(store.target)), file.read_text()) == (2, "")

    def test_only_a_backup_writes_a_report(self, store: BackupStore, file: Path) -> None:
        store.ok("snapshot", "before")
        store.ok("check", "snapshot/before")
        store.ok("restore", "snapshot/before")
        assert file.read_text() == ""

    def test_a_failed_backup_writes_no_report(self, store: BackupStore, file: Path) -> None:
        store.stub("pg_dump", "#!/bin/sh\nexit 1\n")
        store.fails(1, "backup")
        assert file.read_text() == ""
