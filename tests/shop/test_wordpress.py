"""The WooCommerce engine's own parts at work: its manifests, its image's files, WordPress and MariaDB."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .wordpress import WordPressStore

TITLE = "Käse & $(NAME) <Brot>"


@pytest.fixture(scope="module")
def provisioned() -> Iterator[tuple[WordPressStore, int, str]]:
    """A store whose provisioning ran once, with how it ended and what it said."""
    area = Path(tempfile.mkdtemp(prefix="store-wordpress-tests-"))
    shop = {"title": TITLE, "country": "DE", "currency": "EUR"}
    store = WordPressStore(area, hostname="shop.example.com", shop=shop, adminEmail="ann@example.com")
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


def sql(site: WordPressStore, statements: str) -> str:
    """What the database answers, over the connection that WordPress uses."""
    password = site.cluster.containers("Job", "provision")[0].env["DATABASE_PASSWORD"]
    client = ["mariadb", "--batch", "--skip-column-names", "--protocol=tcp", "--host=127.0.0.1"]
    client += [f"--port={site.ports['database']}", "--user=wordpress", f"--password={password}"]
    return site.cluster.exec("StatefulSet", "database", *client, "wordpress", "--execute", statements)
