"""Database and uploads are restored completely, and nothing else is."""

import re
import subprocess

import pytest

from ..cluster.waiting import wait_until
from . import users
from .shop import SHOP, content, files
from .store import BackupStore, whole

MORNING, NOON, EVENING = "2026-11-25 06:00:00Z", "2026-11-25 12:00:00Z", "2026-11-25 18:00:00Z"
# For tests that do not depend on the archive target: running them once is enough.
database_alone = pytest.mark.parametrize("target", ["volume"], indirect=True)
LATER_MIGRATION = """
CREATE SCHEMA later;
CREATE TABLE later.loyalty (customer bigint REFERENCES public.customer, product int REFERENCES public.product);
INSERT INTO later.loyalty SELECT 1000, 1;
CREATE TYPE later_type AS ENUM ('x');
ALTER TABLE product ADD COLUMN colour later_type, DROP COLUMN tags;
CREATE VIEW later_view AS SELECT * FROM product;
CREATE FUNCTION later_function() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER later_trigger ON ddl_command_start EXECUTE FUNCTION later_function();
CREATE PUBLICATION later_publication FOR TABLE product;
CREATE EXTENSION pgcrypto;
CREATE SEQUENCE later_sequence;
ALTER SEQUENCE invoice RESTART;
SELECT lo_from_bytea(4712, 'later');
DELETE FROM purchase;
DROP TABLE customer CASCADE;
"""


def test_the_test_data_has_every_kind_of_database_object() -> None:
    """So that "nothing is lost" is meaningful."""
    made = set(re.findall(r"\b(?:CREATE|ADD) (?:UNIQUE )?(?:MATERIALIZED )?([A-Z]+)", SHOP))
    assert made >= {"EXTENSION", "SCHEMA", "TYPE", "DOMAIN", "FUNCTION", "TABLE", "INDEX", "VIEW", "TRIGGER", "POLICY"}


def test_a_restore_into_an_empty_database_loses_nothing(store: BackupStore) -> None:
    before = content(store.server, store.database)
    store.ok("backup")
    store.server.sql(f'CREATE DATABASE "{store.database}-new"')
    try:
        store.ok("restore", "latest", PGDATABASE=f"{store.database}-new")
        assert content(store.server, f"{store.database}-new") == before
    finally:
        store.server.sql(f'DROP DATABASE "{store.database}-new"')


def test_a_restore_reverts_a_later_migration(store: BackupStore) -> None:
    before = content(store.server, store.database)
    store.ok("snapshot", "before-2.22")
    store.sql(LATER_MIGRATION)
    assert content(store.server, store.database) != before
    for _ in range(2):  # repeatable
        store.ok("restore", "snapshot/before-2.22")
        assert content(store.server, store.database) == before
    others = "SELECT evtname FROM pg_event_trigger UNION SELECT pubname FROM pg_publication"
    assert store.sql(others) == ""


@database_alone
def test_a_restored_database_continues_its_sequences(store: BackupStore) -> None:
    store.ok("backup")
    store.sql("SELECT nextval('invoice'), nextval('product_id_seq')")
    store.ok("restore", "latest")
    assert store.sql("SELECT nextval('invoice'), nextval('product_id_seq'), nextval('untouched')") == "13|2004|42"


@database_alone
def test_a_database_whose_owner_is_not_a_superuser_is_restored(store: BackupStore) -> None:
    """As in a managed database service."""
    store.server.sql(
        f"""CREATE ROLE plain LOGIN PASSWORD 'plain'; CREATE DATABASE "{store.database}-plain" OWNER plain"""
    )
    plain = {"PGDATABASE": f"{store.database}-plain", "PGUSER": "plain", "PGPASSWORD": "plain"}
    try:
        store.server.sql("CREATE EXTENSION pgcrypto; CREATE TABLE t AS SELECT 1 AS x", plain["PGDATABASE"], **plain)
        before = content(store.server, plain["PGDATABASE"])
        store.ok("backup", **plain)
        store.server.sql("CREATE TABLE later (); DROP TABLE t", plain["PGDATABASE"], **plain)
        store.ok("restore", "latest", **plain)
        assert content(store.server, plain["PGDATABASE"]) == before
    finally:
        store.server.sql(f'DROP DATABASE "{store.database}-plain"; DROP ROLE plain')


def test_uploads_are_restored_with_names_and_modes_and_later_ones_removed(store: BackupStore) -> None:
    before = files(store.uploads)
    assert any(b"\n" in name for name in before)
    store.ok("backup")
    (store.uploads / "later").mkdir()
    (store.uploads / "later/file\n2").write_text("later")
    (store.uploads / "plain.png").write_bytes(b"changed")
    (store.uploads / "with space.txt").unlink()
    users.give(store.uploads, users.SCRIPTS)
    for _ in range(2):
        store.ok("restore", "latest")
        assert files(store.uploads) == before


@database_alone
def test_a_volumes_lost_and_found_is_left_alone(store: BackupStore) -> None:
    lost = store.uploads / "lost+found"
    lost.mkdir(mode=0o000)
    store.ok("backup")
    store.ok("restore", "latest")
    assert lost.is_dir()


def test_without_an_uploads_folder_only_the_database_is_saved(store: BackupStore) -> None:
    before = files(store.uploads)
    store.ok("snapshot", "both")
    store.ok("backup", UPLOADS_DIR="")
    assert [path for path in store.target.paths() if path.endswith(".tar")] == ["snapshots/both/uploads.tar"]
    (store.uploads / "new").touch()
    store.ok("restore", "latest")
    store.ok("restore", "snapshot/both", UPLOADS_DIR="")
    assert files(store.uploads).keys() == before.keys() | {b"new"}


@database_alone
def test_an_archive_made_during_transfers_is_consistent(store: BackupStore) -> None:
    """Two accounts in two tables, dumped one after the other, while transfers run between them."""
    store.sql("""
        CREATE TABLE account_a AS SELECT 1000000 AS balance;
        CREATE TABLE account_b AS SELECT 1000000 AS balance;
        CREATE PROCEDURE transfer() LANGUAGE plpgsql AS $$ BEGIN LOOP
          UPDATE account_a SET balance = balance - 1; UPDATE account_b SET balance = balance + 1; COMMIT;
        END LOOP; END $$""")
    psql = [str(store.server.bin / "psql"), "-Xq", "-d", store.database, "-c", "CALL transfer()"]
    with subprocess.Popen(psql, env=store.server.env, stderr=subprocess.DEVNULL) as transfers:
        try:
            moved = "SELECT 1000000 - balance FROM account_a"
            wait_until(lambda: int(store.sql(moved)) > 0, "transfers run")
            before = int(store.sql(moved))
            store.ok("backup")
            after = int(store.sql(moved))
        finally:
            transfers.kill()
    # A restore terminates the killed client's session, which is still transferring money.
    store.ok("restore", "latest")
    archived = int(store.sql(moved))
    assert before <= archived < after
    assert store.sql("SELECT a.balance + b.balance FROM account_a a, account_b b") == "2000000"


@database_alone
def test_a_restore_terminates_sessions_that_hold_the_old_tables(store: BackupStore) -> None:
    before = content(store.server, store.database)
    store.ok("backup")
    psql = [str(store.server.bin / "psql"), "-Xq", "-d", store.database]
    with subprocess.Popen(
        psql, env=store.server.env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as session:
        assert session.stdin
        session.stdin.write("BEGIN; UPDATE product SET price = 5;\n")
        session.stdin.flush()
        open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        wait_until(lambda: store.server.sql(open_transactions) == "1", "a session holds locks")
        store.ok("restore", "latest")
        session.kill()
    assert content(store.server, store.database) == before


@pytest.mark.parametrize("target", ["s3"], indirect=True)
def test_another_stores_archive_is_restored_from_its_prefix(store: BackupStore) -> None:
    before = content(store.server, store.database)
    name = store.ok("backup").split()[1]
    other = {"BACKUP_S3_PREFIX": "stores/other", "RESTORE_S3_PREFIX": f"/{store.env['BACKUP_S3_PREFIX']}/"}
    store.sql(LATER_MIGRATION)
    assert "list" in store.fails(3, "restore", name, BACKUP_S3_PREFIX="stores/other")
    store.ok("restore", name, **other)
    assert content(store.server, store.database) == before
    assert whole(store.target) == [name]
