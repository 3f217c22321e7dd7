"""A run that is killed at any step leaves complete archives, and database and uploads either old or new."""

import signal

import pytest

from .shop import content, files
from .store import OTHERS, BackupStore, whole
from .test_nothing_lost import EVENING, LATER_MIGRATION, MORNING, NOON, database_alone

KILLED = -signal.SIGKILL


def test_a_backup_killed_at_any_step_lists_no_partial_archive_and_is_cleaned_up(store: BackupStore) -> None:
    """Before each call of a program that reads or writes, through dump, uploads, publication and pruning."""
    store.shrink()
    names = [store.backup(now, BACKUP_KEEP="2") for now in (MORNING, NOON)]
    for step in range(1, 200):
        settings = {"STEPS": store.count_steps(), "KILL_AT": str(step), "BACKUP_KEEP": "2"}
        code = store.run("backup", NOW=f"2026-11-25 13:{step // 60:02d}:{step % 60:02d}Z", **settings).returncode
        before, names = names, whole(store.target)
        assert len(names) >= 2, "pruning took too much"
        assert len(set(names) - set(before)) <= 1
        if code == 0:
            break
        assert code == KILLED
    assert step > 8, "the steps were not counted"
    store.backup(EVENING, BACKUP_KEEP="2")
    assert len(whole(store.target)) == 2
    assert len(store.target.paths()) == 6, store.target.paths()


def test_a_snapshot_killed_at_any_step_removes_none_that_is_needed(store: BackupStore) -> None:
    """Through dump, publication and pruning; the retry makes what is missing and leaves nothing behind."""
    store.shrink()
    store.env |= {"UPLOADS_DIR": "", "SNAPSHOT_KEEP": "1"}
    store.clock()
    store.ok("snapshot", "needed", NOW=MORNING)
    for step in range(1, 200):
        number = step
        store.ok("snapshot", f"old-{number}", "snapshot/needed", NOW=f"2026-11-25 13:{number:02d}:00Z")
        settings = {"STEPS": store.count_steps(), "KILL_AT": str(step), "NOW": f"2026-11-25 13:{number:02d}:30Z"}
        code = store.run("snapshot", f"new-{number}", "snapshot/needed", **settings).returncode
        assert "snapshot/needed" in whole(store.target)
        assert len(whole(store.target)) >= 2
        store.ok("snapshot", f"new-{number}", "snapshot/needed", NOW=settings["NOW"])
        assert set(whole(store.target)) == {f"snapshot/new-{number}", "snapshot/needed"}
        assert len(store.target.paths()) == 4, store.target.paths()
        if code == 0:
            break
        assert code == KILLED
    assert step > 4, "the steps were not counted"


@pytest.mark.parametrize("torn", ["tee /dev/fd/3", "put", "pg_restore"])
def test_a_backup_killed_while_writing_data_lists_nothing(store: BackupStore, torn: str) -> None:
    torn = {"put": "rclone rcat" if "BACKUP_S3_BUCKET" in store.env else "cat "}.get(torn, torn)
    assert store.run("backup", STEPS=store.count_steps(*OTHERS), TORN=torn).returncode == KILLED
    assert whole(store.target) == store.names() == []
    name = store.backup(EVENING)
    assert {path.split("/")[1] for path in store.target.paths()} == {name}


def test_a_snapshot_killed_while_writing_data_is_made_by_the_retry(store: BackupStore) -> None:
    assert store.run("snapshot", "x", STEPS=store.count_steps(*OTHERS), TORN="tee /dev/fd/3").returncode == KILLED
    before = content(store.server, store.database)
    store.ok("snapshot", "x")
    assert whole(store.target) == ["snapshot/x"]
    store.sql(LATER_MIGRATION)
    store.ok("restore", "snapshot/x")
    assert content(store.server, store.database) == before


@database_alone
def test_a_restore_killed_at_any_step_leaves_the_old_database_or_the_new_one(store: BackupStore) -> None:
    store.shrink()
    archived, archived_files = content(store.server, store.database), files(store.uploads)
    store.ok("snapshot", "x")
    parts = (
        "SELECT to_regclass('invoice') IS NULL, to_regclass('later') IS NOT NULL, count(*) FROM pg_largeobject_metadata"
    )
    store.sql("DROP SEQUENCE invoice; CREATE TABLE later (); SELECT lo_from_bytea(4712, 'later')")
    for step in range(1, 200):
        settings = {"STEPS": store.count_steps(), "KILL_AT": str(step)}
        code = store.run("restore", "snapshot/x", **settings).returncode
        assert store.sql(parts) in ("t|t|2", "f|f|1")
        if code == 0:
            break
        assert code == KILLED
    assert step > 8, "the steps were not counted"
    assert content(store.server, store.database) == archived
    assert files(store.uploads) == archived_files


@pytest.mark.parametrize("torn", ["psql --no-psqlrc --quiet --set", "pg_restore"])
def test_a_restore_killed_while_reading_data_leaves_the_old_database(store: BackupStore, torn: str) -> None:
    store.ok("backup")
    store.sql(LATER_MIGRATION)
    later = content(store.server, store.database)
    assert store.run("restore", "latest", STEPS=store.count_steps(*OTHERS), TORN=torn).returncode == KILLED
    assert content(store.server, store.database) == later
