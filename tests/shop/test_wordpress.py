"""The WooCommerce engine's own parts: its manifests, its image's files, WordPress and MariaDB."""

from __future__ import annotations

import copy
import gzip
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from ..cluster.waiting import wait_until
from ..containers.sandbox import Container
from .wordpress import WordPressStore

TITLE = "Käse & $(NAME) <Brot>"


@pytest.fixture(scope="module")
def provisioned() -> Iterator[tuple[WordPressStore, int, str]]:
    """A store whose provisioning ran once, with its exit code and output."""
    shop = {"title": TITLE, "country": "DE", "currency": "EUR"}
    backup = {"schedule": "0 3 * * *", "keep": 2}
    spec = {"hostname": "shop.example.com", "shop": shop, "adminEmail": "ann@example.com", "backup": backup}
    with WordPressStore.temporary(plain=True, **spec) as store:
        store.cluster.start("StatefulSet", "database")
        (job,) = store.cluster.containers("Job", "provision")
        yield store, *job.run_for_code()


@pytest.fixture(scope="module")
def site(provisioned: Any) -> WordPressStore:
    """The store with its backend serving."""
    store: WordPressStore = provisioned[0]
    backend = store.cluster.launch("Deployment", "backend")
    backend.await_probe("startupProbe")  # the web server's; PHP may listen slightly later
    page, host = f"http://127.0.0.1:{store.ports['backend']}/", {"Host": store.ingress.host}
    wait_until(lambda: requests.get(page, headers=host, timeout=60).status_code != 503, "PHP answers", 120)
    store.ingress.start()
    return store


@pytest.fixture
def context_options(site: WordPressStore) -> dict[str, Any]:
    return {"proxy": {"server": site.ingress.url}, "base_url": site.url}


def test_without_the_plugin_provisioning_fails_with_a_message(provisioned: tuple[WordPressStore, int, str]) -> None:
    _, code, said = provisioned
    assert code == 1
    assert said == ("store-woocommerce: WooCommerce must be in /app/html/wp-content/plugins: build the image with it\n")


def test_the_page_has_the_stores_title(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("banner")).to_contain_text(TITLE)


def test_a_permalink_is_answered_by_wordpress(page: Page) -> None:
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


def test_a_second_run_changes_nothing_and_keeps_the_owners_title(site: WordPressStore) -> None:
    sql(site, "UPDATE wp_options SET option_value = 'Own' WHERE option_name = 'blogname'")
    before = sql(site, "SELECT COUNT(*) FROM wp_users; SELECT COUNT(*) FROM wp_posts")
    (job,) = site.cluster.containers("Job", "provision")
    job.run_for_code()
    assert sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'blogname'") == "Own"
    assert sql(site, "SELECT COUNT(*) FROM wp_users; SELECT COUNT(*) FROM wp_posts") == before
    sql(site, f"UPDATE wp_options SET option_value = '{TITLE}' WHERE option_name = 'blogname'")


def provision(site: WordPressStore, **other: str) -> None:
    """Provision with other values of some variables, as in a store that moved or was cloned."""
    made = site.cluster.containers("Job", "provision")[-1]
    spec = copy.deepcopy(made.spec)
    for variable in spec["env"]:
        if variable["name"] in other:
            variable.pop("valueFrom", None)
            variable["value"] = other[variable["name"]]
    Container(site.cluster, "provision", made.pod, spec).run_for_code()


def test_stored_addresses_follow_the_host_and_others_stay(provisioned: tuple[WordPressStore, int, str]) -> None:
    site = provisioned[0]
    old, new = site.url, "http://moved.example.com"
    content = f"<img src={old}/a.png> http://other.example.com/a.png"
    columns = "post_content, post_title, post_excerpt, to_ping, pinged, post_content_filtered"
    sql(site, f"INSERT INTO wp_posts ({columns}) VALUES ('{content}', '', '', '', '', '')")
    logo = f'a:1:{{i:0;s:{len(old) + 6}:"{old}/a.png";}}'
    sql(site, f"INSERT INTO wp_options (option_name, option_value) VALUES ('own_logo', '{logo}')")
    provision(site, STORE_URL=new)
    posts = sql(site, "SELECT post_content FROM wp_posts WHERE post_content LIKE '%/a.png%'")
    assert posts == f"<img src={new}/a.png> http://other.example.com/a.png"
    options = sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'own_logo'")
    assert options == f'a:1:{{i:0;s:{len(new) + 6}:"{new}/a.png";}}'
    provision(site)
    assert f"{old}/a.png" in sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'own_logo'")


def test_data_of_another_store_gets_the_secrets_password_unless_changed(
    provisioned: tuple[WordPressStore, int, str],
) -> None:
    site = provisioned[0]
    hashed = "SELECT user_pass FROM wp_users WHERE user_login = 'admin'"
    first = sql(site, hashed)
    sql(site, "UPDATE wp_users SET user_pass = 'own' WHERE user_login = 'admin'")
    provision(site)
    assert sql(site, hashed) == "own"
    provision(site, ADMIN_PASSWORD="that of the clone", ADMIN_EMAIL="clone@example.com")
    assert sql(site, hashed) not in (first, "own")
    assert sql(site, "SELECT user_email FROM wp_users WHERE user_login = 'admin'") == "clone@example.com"
    provision(site)
    assert sql(site, "SELECT user_email FROM wp_users WHERE user_login = 'admin'") == "ann@example.com"


def test_the_cron_job_runs_what_is_due(site: WordPressStore) -> None:
    sql(site, "DELETE FROM wp_options WHERE option_name = 'cron'")
    site.cluster.run("CronJob", "cron")
    assert "wp_version_check" in sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'cron'")


@pytest.mark.parametrize("address", ["home_url()", "'https://api.wordpress.org/'"])
def test_no_page_waits_for_an_address_that_the_network_policy_blocks(site: WordPressStore, address: str) -> None:
    ask = f"require 'html/wp-load.php'; echo wp_remote_get({address})->get_error_code();"
    assert site.cluster.exec("CronJob", "cron", "php", "-r", ask) == "http_request_not_executed"


@pytest.mark.parametrize(
    ("name", "status"),
    [("note.txt", 200), ("script.php", 403), ("wc-logs/today.log", 403), ("woocommerce_uploads/book.pdf", 403)],
)
def test_an_upload_is_served_unless_it_is_a_script_or_protected(
    page: Page, site: WordPressStore, name: str, status: int
) -> None:
    file = site.cluster.area / "volumes" / "claim-uploads" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("<?php echo 'run';")
    answer = page.goto(f"/wp-content/uploads/{name}")
    assert answer is not None
    assert answer.status == status


def backup(site: WordPressStore, *arguments: str, ends_with: int = 0) -> str:
    """Return the backup container's output, with other arguments than the CronJob's if some are given."""
    (made,) = site.cluster.containers("CronJob", "backup")
    spec = {**made.spec, "args": list(arguments or made.spec["args"])}
    code, said = Container(site.cluster, "backup", made.pod, spec).run_for_code()
    assert code == ends_with, said
    return said


def test_a_restore_brings_back_the_database_and_the_uploads(site: WordPressStore) -> None:
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


def test_a_snapshot_is_taken_once_and_not_overwritten(site: WordPressStore) -> None:
    sql(site, "UPDATE wp_options SET option_value = 'before' WHERE option_name = 'blogdescription'")
    assert backup(site, "snapshot", "upgrade") == "snapshot upgrade is made\n"
    sql(site, "UPDATE wp_options SET option_value = 'half' WHERE option_name = 'blogdescription'")
    assert "stays as it is" in backup(site, "snapshot", "upgrade")
    backup(site, "restore", "snapshot/upgrade")
    assert sql(site, "SELECT option_value FROM wp_options WHERE option_name = 'blogdescription'") == "before"


def test_an_interrupted_restore_leaves_the_shop_unchanged(site: WordPressStore) -> None:
    backup(site, "snapshot", "broken")
    folder = site.cluster.area / "volumes" / "claim-backups" / "snapshots" / "broken"
    dump, manifest = folder / "database.dump", folder / "manifest.json"
    before = hashlib.sha256(dump.read_bytes()).hexdigest()
    dump.write_bytes(gzip.compress(b"CREATE TABLE wp_half (id INT);\nno statement;\n"))
    manifest.write_text(manifest.read_text().replace(before, hashlib.sha256(dump.read_bytes()).hexdigest()))
    tables = sql(site, "SHOW TABLES")
    said = backup(site, "restore", "snapshot/broken", ends_with=1)
    assert said.startswith("store-backup: the database could not be restored and is unchanged: ERROR 1064")
    assert sql(site, "SHOW TABLES") == tables


def sql(site: WordPressStore, statements: str) -> str:
    """Return the database's answer, over the connection that WordPress uses."""
    password = site.cluster.containers("Job", "provision")[0].env["DATABASE_PASSWORD"]
    client = ["mariadb", "--batch", "--skip-column-names", "--protocol=tcp", "--host=127.0.0.1"]
    client += [f"--port={site.ports['database']}", "--user=wordpress", f"--password={password}"]
    return site.cluster.exec("StatefulSet", "database", *client, "wordpress", "--execute", statements)
