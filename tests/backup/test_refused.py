"""What is impossible changes nothing, and says why in one line."""

from pathlib import Path

import pytest

from ..cluster.processes import free_ports
from ..cluster.waiting import wait_until
from . import users
from .postgres import Server
from .shop import content, files
from .store import OTHERS, SECRETS, BackupStore, whole
from .targets import Bucket, S3Server, new_folder
from .test_nothing_lost import EVENING, LATER_MIGRATION, MORNING, NOON, database_alone


def flip(data: bytes) -> bytes:
    """Flip one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def cut(data: bytes) -> bytes:
    """Cut off the second half."""
    return data[: len(data) // 2]


def test_a_damaged_archive_changes_nothing_and_is_named(store: BackupStore) -> None:
    name = store.ok("backup").split()[1]
    store.sql(LATER_MIGRATION)
    before = content(store.server, store.database), files(store.uploads)
    for path in (f"archives/{name}/database.dump", f"archives/{name}/uploads.tar"):
        good = store.target.read(path)
        for bad in (flip(good), cut(good), b""):
            store.target.write(path, bad)
            error = store.fails(4, "restore", "latest")
            assert f"{path} is damaged" in error
            assert "nothing was changed" in error
        store.target.remove(path)
        assert store.run("restore", "latest").returncode in (1, 4)  # a bucket reports a missing file as an empty one
        store.target.write(path, good)
    assert (content(store.server, store.database), files(store.uploads)) == before
    store.ok("restore", "latest")


def test_a_check_finds_what_a_restore_would_refuse_and_changes_nothing(store: BackupStore) -> None:
    assert "there is no complete archive for latest" in store.fails(3, "check", "latest")
    name = store.ok("backup").split()[1]
    store.ok("snapshot", "before-2")
    before = content(store.server, store.database), files(store.uploads)
    absent = {"PGHOST": "", "UPLOADS_DIR": ""}  # it needs no database and mounts no uploads
    for which in ("latest", name, "snapshot/before-2"):
        assert store.ok("check", which, **absent).endswith("is complete\n")
    assert "no complete snapshot named before-3" in store.fails(3, "check", "snapshot/before-3", **absent)
    assert "neither an archive's name nor a time" in store.fails(2, "check", "yesterday", **absent)
    for path in (f"archives/{name}/database.dump", f"archives/{name}/uploads.tar"):
        good = store.target.read(path)
        store.target.write(path, flip(good))
        assert f"{path} is damaged" in store.fails(4, "check", "latest", **absent)
        store.target.write(path, good)
    assert (content(store.server, store.database), files(store.uploads)) == before


@database_alone
def test_a_restore_that_fails_at_its_end_leaves_the_old_data(store: BackupStore) -> None:
    """Grants come last, and one to a missing role fails; the reader's rows are not quoted."""
    store.sql("CREATE ROLE reporter; GRANT SELECT ON customer TO reporter")
    store.ok("backup")
    store.sql("DROP OWNED BY reporter; DROP ROLE reporter")
    store.sql(LATER_MIGRATION)
    before = content(store.server, store.database), files(store.uploads)
    error = store.fails(1, "restore", "latest")
    assert 'role "reporter" does not exist' in error
    assert "is unchanged" in error
    assert (content(store.server, store.database), files(store.uploads)) == before


def test_a_restore_whose_data_ends_early_leaves_the_old_data(store: BackupStore) -> None:
    """The connection to the archive breaks: a partial stream must not count as complete."""
    store.ok("backup")
    store.sql(LATER_MIGRATION)
    before = content(store.server, store.database), files(store.uploads)
    store.stub("pg_restore", f'#!/bin/sh\n{store.server.bin}/pg_restore "$@" | /usr/bin/head -c 300000\nexit 1\n')
    store.fails(1, "restore", "latest")
    assert (content(store.server, store.database), files(store.uploads)) == before


def test_a_dump_that_fails_leaves_nothing(store: BackupStore) -> None:
    store.ok("snapshot", "x")
    before = store.target.paths()
    half = f'{store.server.bin}/pg_dump "$@" | /usr/bin/head -c 30000'
    store.stub("pg_dump", f'#!/bin/sh\n{half}\necho "pg_dump: error: out of memory" >&2\nexit 1\n')
    assert "out of memory" in store.fails(1, "backup")
    assert store.target.paths() == before


def test_a_target_that_stores_other_bytes_is_noticed(store: BackupStore) -> None:
    """One byte too many, which pg_restore itself would accept."""
    tool, condition = ("rclone", '[ "$1" = rcat ]') if "BACKUP_S3_BUCKET" in store.env else ("cat", "[ $# = 0 ]")
    more = f'{{ /bin/cat; printf x; }} | /usr/bin/{tool} "$@"'
    store.stub(tool, f'#!/bin/sh\nif {condition}; then {more}; else exec /usr/bin/{tool} "$@"; fi\n')
    assert "dump can't be read back" in store.fails(1, "backup")
    assert store.target.paths() == []


@database_alone
def test_a_dump_that_pg_restore_can_not_read_is_noticed(store: BackupStore) -> None:
    """Its bytes are stored correctly, but they are not a dump."""
    store.stub("pg_dump", f'#!/bin/sh\n{store.server.bin}/pg_dump "$@" | /usr/bin/head -c 30000\n')
    assert "can't be read back" in store.fails(1, "backup")
    assert store.target.paths() == []


def test_only_one_run_at_a_time_and_a_run_that_waited_too_long_fails(store: BackupStore) -> None:
    """A second run starts while the first one dumps: it waits, and its error names the first one."""
    second = 'PGOPTIONS="-c lock_timeout=100" store-backup snapshot second'
    store.stub("pg_dump", f"#!/bin/sh\n{second} && exit 1\nexit 1\n")
    assert "another backup, snapshot or restore" in store.fails(1, "snapshot", "first")
    assert store.target.paths() == []


def test_a_run_that_lost_its_lock_publishes_nothing(store: BackupStore) -> None:
    """Its session ends after the dump: another run may have started meanwhile."""
    sessions = "pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
    end = f"SELECT pg_terminate_backend(pid, 5000) FROM {sessions}"
    store.stub("tar", f'#!/bin/sh\npsql -Xq -o /dev/null -c "{end}"\nexec /bin/tar "$@"\n')
    assert "was lost" in store.fails(1, "backup")
    assert store.target.paths() == []


def test_pruning_keeps_exactly_the_newest_archives_and_every_snapshot(store: BackupStore) -> None:
    store.shrink()
    store.env["UPLOADS_DIR"] = ""
    store.ok("snapshot", "x")
    names = [store.backup(f"2026-11-25 0{hour}:00:00Z", BACKUP_KEEP="2") for hour in range(4)]
    assert whole(store.target) == [*names[-2:], "snapshot/x"]
    # The clock went back: the new archive has the oldest name and is kept anyway.
    old = store.backup("2020-01-01 00:00:00Z", BACKUP_KEEP="1")
    assert whole(store.target) == [old, names[-1], "snapshot/x"]
    assert [each for each in store.names() if each != "snapshot/x"] == [names[-1], old]
    assert {name.split("/")[1] for name in store.target.paths()} == {old, names[-1], "x"}


def test_pruning_keeps_the_newest_snapshots_and_one_that_a_restore_needs(store: BackupStore) -> None:
    store.shrink()
    store.env["UPLOADS_DIR"] = ""
    store.clock()
    backup = store.backup(MORNING)
    for hour in range(6):
        store.ok("snapshot", f"before-{9 - hour}", "snapshot/before-9", NOW=f"2026-11-25 1{hour}:00:00Z")
    newest = ["snapshot/before-4", "snapshot/before-5", "snapshot/before-6"]
    assert whole(store.target) == [backup, *newest, "snapshot/before-9"]
    store.ok("restore", "snapshot/before-9")
    # No longer needed. The clock went back: the new one has the oldest name and is kept anyway.
    store.ok("snapshot", "before-3", NOW="2020-01-01 00:00:00Z")
    assert whole(store.target) == [backup, "snapshot/before-3", *newest]
    assert {path.split("/")[1] for path in store.target.paths()} == {backup, *(f"before-{n}" for n in (3, 4, 5, 6))}


def test_two_archives_of_the_same_second_are_rejected(store: BackupStore) -> None:
    name = store.backup(NOON)
    assert "second" in store.fails(1, "backup", NOW=NOON)
    assert whole(store.target) == [name]


def test_a_snapshot_is_never_overwritten(store: BackupStore) -> None:
    before = content(store.server, store.database)
    store.ok("snapshot", "before-2.22")
    kept = {path: store.target.read(path) for path in store.target.paths()}
    store.sql("DELETE FROM purchase")
    assert "stays as it is" in store.ok("snapshot", "before-2.22")
    assert {path: store.target.read(path) for path in store.target.paths()} == kept
    store.ok("restore", "snapshot/before-2.22")
    assert content(store.server, store.database) == before


def test_a_restore_by_time_uses_the_newest_archive_of_that_time(store: BackupStore) -> None:
    store.shrink()
    store.sql("CREATE TABLE today (part text)")
    for now, part in ((MORNING, "morning"), (NOON, "noon"), (EVENING, "evening")):
        store.sql(f"TRUNCATE today; INSERT INTO today VALUES ('{part}')")
        store.backup(now)
    store.env["UPLOADS_DIR"] = ""
    for which, part in {
        "2026-11-25T12:00:00Z": "noon",
        "2026-11-25T11:59:59.9Z": "morning",
        "2026-11-25T19:30:00+01:00": "evening",
        "2026-11-25T18:30:00+01:00": "noon",
        "latest": "evening",
        "20261125T060000Z": "morning",
    }.items():
        store.ok("restore", which)
        assert store.sql("SELECT part FROM today") == part, which
    store.fails(3, "restore", "2026-11-25T05:59:59Z")
    store.fails(3, "restore", "20261125T060001Z")
    store.fails(3, "restore", "snapshot/noon")
    for nonsense in ("2026-99-25T05:59:59Z", "yesterday", "", "../../etc", "snapshots/x", "2026-11-25T05:59:59"):
        store.fails(2, "restore", nonsense)


def test_the_list_is_newest_first_with_size_and_time(store: BackupStore) -> None:
    assert store.listed() == []
    store.backup(MORNING, UPLOADS_DIR="")
    store.backup(NOON)
    first, second = store.listed()
    assert (first["name"], first["made"]) == ("20261125T120000Z", "2026-11-25T12:00:00Z")
    sizes = [len(store.target.read(path)) for path in store.target.paths() if "12" in path and "manifest" not in path]
    assert first == {"name": first["name"], "made": first["made"], "bytes": sum(sizes[-2:])}
    assert second["name"] == "20261125T060000Z"


@database_alone
@pytest.mark.parametrize("command", [["backup"], ["snapshot", "x"], ["restore", "latest"]])
def test_an_unreachable_database_is_named_and_no_archive_is_made(store: BackupStore, command: list[str]) -> None:
    for setting in ({"PGPORT": str(free_ports(1)[0])}, {"PGPASSWORD": "wrong"}, {"PGDATABASE": "absent"}):
        assert "127.0.0.1" in store.fails(1, *command, **setting)
    assert store.target.paths() == []


@database_alone
def test_a_database_that_rejects_connections_at_first_is_waited_for(store: BackupStore, server: Server) -> None:
    """As right after a pod's start, before a network policy admits its traffic."""
    late = Server(new_folder(store.area, "late"))
    attempts = store.area / "attempts"
    attempts.touch(0o666)
    attempts.chmod(0o666)
    store.stub("pg_isready", f'#!/bin/sh\necho >>{attempts}\nexec {server.bin}/pg_isready "$@"\n')
    run = store.start("backup", PGPORT=late.env["PGPORT"], PGDATABASE="postgres", BACKUP_WAIT_SECONDS="60")
    try:
        wait_until(lambda: attempts.stat().st_size >= 2, "it was refused once and tries again")
        late.start()
        out, err = run.communicate(timeout=60)
    finally:
        late.stop()
    assert (run.returncode, err) == (0, ""), out


@database_alone
def test_a_wrong_password_is_not_waited_for(store: BackupStore) -> None:
    assert "password" in store.fails(1, "backup", PGPASSWORD="wrong", BACKUP_WAIT_SECONDS="9999")


@database_alone
@pytest.mark.parametrize(
    "setting",
    [
        {"PGHOST": ""},
        {"BACKUP_KEEP": "0"},
        {"BACKUP_KEEP": "x"},
        {"SNAPSHOT_KEEP": "0"},
        {"UPLOADS_DIR": "/absent"},
        {"BACKUP_WAIT_SECONDS": "a minute"},
    ],
)
def test_an_invalid_setting_is_named(store: BackupStore, setting: dict[str, str]) -> None:
    assert next(iter(setting)) in store.fails(2, "backup", **setting)


@database_alone
def test_invalid_arguments_print_the_usage(store: BackupStore) -> None:
    for arguments in (
        [],
        ["backup", "x"],
        ["snapshot"],
        ["snapshot", "x", "y", "z"],
        ["restore"],
        ["prune"],
        ["list", "x"],
    ):
        assert "snapshot NAME" in store.fails(2, *arguments)
    for name in ("", "../x", "A", "a b", ".partial-x", "x" * 64, "-x"):
        assert "name" in store.fails(2, "snapshot", name)


@database_alone
@pytest.mark.skipif(users.SCRIPTS is None, reason="only root can make a folder that is another user's")
def test_uploads_of_another_user_are_noticed_before_anything_changes(store: BackupStore) -> None:
    store.ok("backup")
    store.sql(LATER_MIGRATION)
    closed = store.uploads / "closed"
    closed.mkdir()
    before = content(store.server, store.database), files(store.uploads)
    assert str(closed) in store.fails(1, "restore", "latest")
    assert (content(store.server, store.database), files(store.uploads)) == before


def test_no_secret_is_on_any_command_line(store: BackupStore) -> None:
    """Every program logs its own command line, which all users can see; output is checked in every run."""
    store.shrink()
    steps = store.count_steps(*OTHERS)
    for command in (["backup"], ["snapshot", "x"], ["restore", "latest"], ["list"]):
        store.ok(*command, STEPS=steps)
    noted = Path(steps).read_text(errors="replace")
    assert "pg_dump" in noted
    assert not [secret for secret in SECRETS if secret in noted]


@pytest.mark.parametrize("target", ["s3"], indirect=True)
class TestBucket:
    """Failures that only a bucket has."""

    COMMANDS = (["list"], ["backup"], ["snapshot", "x"], ["restore", "latest"])

    def test_a_missing_bucket_is_named(self, store: BackupStore) -> None:
        for command in self.COMMANDS:
            error = store.fails(1, *command, BACKUP_S3_BUCKET="absent")
            assert "no such bucket" in error
            assert "absent" in error

    def test_a_stopped_server_is_named(self, store: BackupStore) -> None:
        endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
        assert endpoint in store.fails(1, "snapshot", "x", BACKUP_S3_ENDPOINT=endpoint)

    def test_a_server_that_rejects_connections_at_first_is_waited_for(self, store: BackupStore, area: Path) -> None:
        late, steps = S3Server(new_folder(store.area, "late")), store.count_steps()
        run = store.start("snapshot", "x", BACKUP_S3_ENDPOINT=late.endpoint, BACKUP_WAIT_SECONDS="60", STEPS=steps)
        try:
            wait_until(lambda: len(Path(steps).read_text().splitlines()) >= 2, "it was refused once and tries again")
            late.start()
            out, err = run.communicate(timeout=60)
        finally:
            late.process.kill()
        assert (run.returncode, err) == (0, ""), out

    def test_a_missing_bucket_is_not_waited_for(self, store: BackupStore) -> None:
        assert "no such bucket" in store.fails(1, "list", BACKUP_S3_BUCKET="absent", BACKUP_WAIT_SECONDS="9999")

    def test_missing_keys_are_named(self, store: BackupStore) -> None:
        assert "AWS_SECRET_ACCESS_KEY" in store.fails(2, "list", AWS_SECRET_ACCESS_KEY="")

    def test_wrong_keys_are_rejected_and_right_ones_accepted(
        self, store: BackupStore, target: Bucket, s3: S3Server
    ) -> None:
        s3.require_keys(True)
        try:
            right = s3.keys
            for command in self.COMMANDS:
                error = store.fails(1, *command, **right | {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"})
                assert "InvalidAccessKeyId" in error or "status code: 403" in error or "Forbidden" in error, error
            error = store.fails(1, "list", **right | {"AWS_SECRET_ACCESS_KEY": "wrong"})
            assert "SignatureDoesNotMatch" in error, error
            store.ok("backup", **right)
        finally:
            s3.require_keys(False)
        assert len(whole(target)) == 1


@database_alone
def test_too_few_locks_for_one_transaction_are_reported_with_the_setting(store: BackupStore) -> None:
    """Dropping and creating needs about ten locks per table; the server's default is enough for about 500 tables."""
    store.ok("backup")
    tables = "".join(f"CREATE TABLE t{n} (id int PRIMARY KEY, x text UNIQUE);" for n in range(2500))
    store.sql(tables)
    assert "max_locks_per_transaction" in store.fails(1, "restore", "latest")
    assert store.sql("SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$'") == "2500"
