"""The demo's mailbox shows sent mails, and runs none of their scripts."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.shop.mail_server import HOST, USER
from tests.shop.mailbox import MailServer, mail_server

from .mailbox import mailbox


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server("m41l-p4ss") as server:
        yield server


@pytest.fixture
def pages(mail: MailServer) -> Iterator[str]:
    """The mailbox' address."""
    with mailbox(mail) as address:
        yield address


def send(mail: MailServer, subject: str, html: str) -> None:
    """Send a mail with a text and an HTML part."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "ann@example.com", subject
    message.set_content("The text.")
    message.add_alternative(html, subtype="html")
    with smtplib.SMTP(HOST, mail.port, timeout=60) as client:
        client.starttls(context=ssl.create_default_context(cadata=mail.certificate))
        client.login(USER, mail.password)
        client.send_message(message)


def test_the_mailbox_lists_the_newest_mail_first_and_shows_its_parts(page: Page, mail: MailServer, pages: str) -> None:
    page.goto(pages)
    expect(page.get_by_text("No mail has been sent yet.")).to_be_visible()
    send(mail, "The first", "<h1>One</h1>")
    send(mail, "The second", "<h1>Two</h1>")
    page.reload()
    assert page.get_by_role("link").all_text_contents() == ["The second", "The first"]
    page.get_by_role("link", name="The second").click()
    expect(page.frame_locator("iframe").get_by_role("heading")).to_have_text("Two")
    expect(page.get_by_text("The text.")).to_be_visible()


def test_no_script_of_a_mail_runs(browser: Browser, mail: MailServer, pages: str) -> None:
    script = "<script>document.title = 'ran'; parent.document.title = 'ran'</script>"
    send(mail, f"Order {script}", f'{script}<img src="x:" onerror="parent.document.title = 1"><p>"Order"</p>')
    with browser.new_context() as context:  # which may report what it has blocked
        page = context.new_page()
        page.goto(f"{pages}/0")
        expect(page.frame_locator("iframe").get_by_text('"Order"')).to_be_visible()
        assert page.title() == f"Order {script}"


def test_a_mail_that_does_not_exist_is_not_found(pages: str) -> None:
    assert requests.get(f"{pages}/7", timeout=10).status_code == 404
