"""The WooCommerce engine's own parts at work: its manifests, its image's files, WordPress and MariaDB."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ..containers.sandbox import Container
from .wordpress import WordPressStore

TITLE = "Käse & $(NAME) <Brot>"


@pytest.fixture(scope="module")
def provisioned() -> Iterator[tuple[WordPressStore, int, str]]:
    """A store whose provisioning ran once, with how it ended and what it said."""
    area = Path(tempfile.mkdtemp(prefix="store-wordpress-tests-"))
    shop = {"title": TITLE, "country": "DE", "currency": "EUR"}
    backup = {"schedule": "0 3 * * *", "keep": 2}
    store = WordPressStore(area, hostname="shop.example.com", shop=shop, adminEmail="ann@example.com", backup=backup)
    try:
        store.cluster.start("StatefulSet", "database")
        (job,) = store.cluster.containers("Job", "provision")
        yield store, *job.run_for_code()
    finally:
        store.close()
    shutil.rmtree(area)


@pytest.fixture(scope="module")
def site(provisioned: Any) -> WordPressStore:
    """The store with its backend serving."""
    store: WordPressStore = provisioned[0]
    backend = store.cluster.launch("Deployment", "backend")
    backend.await_probe("startupProbe")
    store.ingress.start()
    return store


@pytest.fixture
def context_options(site: WordPressStore) -> dict[str, Any]:
    return {"proxy": {"server": site.ingress.url}, "base_url": site.url}


def test_without_the_plugin_provisioning_ends_and_says_so(provisioned: tuple[WordPressStore, int, str]) -> None:
    _, code, said = provisioned
    assert code == 1
    assert said == ("store-woocommerce: WooCommerce must be in /app/html/wp-content/plugins: build the image with it\n")


def test_the_page_has_the_title_the_store_says(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("banner")).to_contain_text(TITLE)


def test_an_address_in_words_is_wordpress_own_and_not_apaches(page: Page) -> None:
    answer = page.goto("/no/such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("banner")).to_contain_text(TITLE)


def test_the_administrator_signs_in_with_the_secrets_password(page: Page, site: WordPressStore) -> None:
    (job,) = site.cluster.containers("Job", "provision")
    page.goto("/wp-login.php")
    page.get_by_label("Username or Email Address").fill("ann@example.com")
    page.get_by_label("Password", exact=True).fill(job.env["ADMIN_PASSWORD"])
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_again_is_no_change_and_keeps_the_owners_title(site: WordPressStore) -> None:
    sql(site, "UPDATE wp_options SET option_value = 'Own' WHERE option_name = 'blogname'")
    before = sql(site, "SELECT COUNT(*) FROM wp_users; SELECT COUNT(*) FROM wp_posts")
    (job,) = site.cluster.containers("Job", "provision")
    job.run_for_code()
    assert sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'blogname'") == "Own"
    assert sql(site, "SELECT COUNT(*) FROM wp_users; SELECT COUNT(*) FROM wp_posts") == before
    sql(site, f"UPDATE wp_options SET option_value = '{TITLE}' WHERE option_name = 'blogname'")


def test_what_is_due_is_done_by_the_cron_job(site: WordPressStore) -> None:
    sql(site, "DELETE FROM wp_options WHERE option_name = 'cron'")
    site.cluster.run("CronJob", "cron")
    assert "wp_version_check" in sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'cron'")


@pytest.mark.parametrize(
    ("name", "status"),
    [("note.txt", 200), ("script.php", 403), ("wc-logs/today.log", 403), ("woocommerce_uploads/book.pdf", 403)],
)
def test_an_upload_is_shown_unless_it_is_a_script_or_not_for_all(
    page: Page, site: WordPressStore, name: str, status: int
) -> None:
    file = site.cluster.area / "volumes" / "claim-uploads" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("<?php echo 'run';")
    answer = page.goto(f"/wp-content/uploads/{name}")
    assert answer is not None
    assert answer.status == status


def backup(site: WordPressStore, *arguments: str, ends_with: int = 0) -> str:
    """What the backup container says, run with other arguments than the CronJob's where some are given."""
    (made,) = site.cluster.containers("CronJob", "backup")
    spec = {**made.spec, "args": list(arguments or made.spec["args"])}
    code, said = Container(site.cluster, "backup", made.pod, spec).run_for_code()
    assert code == ends_with, said
    return said


def test_a_restore_brings_back_the_database_and_the_uploads_as_they_were(site: WordPressStore) -> None:
    uploads = site.cluster.area / "volumes" / "claim-uploads"
    (uploads / "picture.png").write_text("as it was")
    tables = sql(site, "SHOW TABLES")
    posts = sql(site, "CHECKSUM TABLE wp_posts, wp_users, wp_options")
    assert re.fullmatch(r"backup \d{8}T\d{6}Z is made\n", backup(site))
    sql(site, "DELETE FROM wp_posts; DROP TABLE wp_links; CREATE TABLE wp_of_a_later_version (id INT PRIMARY KEY)")
    (uploads / "picture.png").write_text("changed")
    (uploads / "later.png").write_text("later")
    assert "is restored" in backup(site, "restore", "latest")
    assert sql(site, "SHOW TABLES") == tables
    assert sql(site, "CHECKSUM TABLE wp_posts, wp_users, wp_options") == posts
    assert (uploads / "picture.png").read_text() == "as it was"
    assert not (uploads / "later.png").exists()
    assert sql(site, "SHOW DATABASES").split() == ["information_schema", "wordpress"]


def test_a_snapshot_is_taken_once_and_keeps_what_was(site: WordPressStore) -> None:
    sql(site, "UPDATE wp_options SET option_value = 'before' WHERE option_name = 'blogdescription'")
    assert backup(site, "snapshot", "upgrade") == "snapshot upgrade is made\n"
    sql(site, "UPDATE wp_options SET option_value = 'half' WHERE option_name = 'blogdescription'")
    assert "stays as it is" in backup(site, "snapshot", "upgrade")
    backup(site, "restore", "snapshot/upgrade")
    assert sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'blogdescription'") == "before"


def test_a_restore_that_breaks_off_leaves_the_shop_as_it_was(site: WordPressStore) -> None:
    backup(site, "snapshot", "broken")
    folder = site.cluster.area / "volumes" / "claim-backups" / "snapshots" / "broken"
    dump, manifest = folder / "database.dump", folder / "manifest.json"
    before = hashlib.sha256(dump.read_bytes()).hexdigest()
    dump.write_bytes(gzip.compress(b"CREATE TABLE wp_half (id INT);\nno statement;\n"))
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(dump.read_bytes()).hexdigest()))
    tables = sql(site, "SHOW TABLES")
    said = backup(site, "restore", "snapshot/broken", ends_with=1)
    assert said.startswith("store-backup: the database could not be restored and is as it was: ERROR 1064")
    assert sql(site, "SHOW TABLES") == tables


def sql(site: WordPressStore, statements: str) -> str:
    """What the database answers, over the connection that WordPress uses."""
    password = site.cluster.containers("Job", "provision")[0].env["DATABASE_PASSWORD"]
    client = ["mariadb", "--batch", "--skip-column-names", "--protocol=tcp", "--host=127.0.0.1"]
    client += [f"--port={site.ports['database']}", "--user=wordpress", f"--password={password}"]
    return site.cluster.exec("StatefulSet", "database", *client, "wordpress", "--execute", statements)
