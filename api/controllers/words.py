"""The texts of mails to owners: in German for shops in German-speaking countries, else in English."""

from __future__ import annotations

import html
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP

from babel.dates import format_datetime

from storeplatform.common.times import moment

GERMAN_COUNTRIES = ("AT", "CH", "DE", "LI")

# By kind of notice: the subject, the text, and the label of the link to the shop's page.
ENGLISH = {
    "upgrade": (
        "{title}: the update was undone",
        "Your shop was to change to version {rejected}, which did not work. It runs with version {running} again, as "
        "before, and nothing is lost. The new version is not tried again until you choose one.",
    ),
    "expiry": (
        "{title}: your shop closes on {closes}",
        "Your shop has an end date: it closes on {closes}, and is deleted with its data on {deletes}. "
        "If you want to keep it, choose another date, or remove it, before that.",
    ),
    "backup": (
        "{title}: a backup has failed",
        "The last backup of your shop could not be made. Your shop is open, and the backups that were made before are "
        "kept. Make one now; if that fails too, ask your platform team.",
    ),
}
GERMAN = {
    "upgrade": (
        "{title}: Das Update wurde zurückgenommen",
        "Ihr Shop sollte zu Version {rejected} wechseln; das hat nicht funktioniert. Er läuft wieder mit Version "
        "{running} wie zuvor, und nichts ist verloren. Die neue Version wird erst wieder versucht, wenn Sie eine "
        "wählen.",
    ),
    "expiry": (
        "{title}: Ihr Shop schließt am {closes}",
        "Ihr Shop hat ein Enddatum: Er schließt am {closes} und wird mit seinen Daten am {deletes} gelöscht. "
        "Wenn Sie ihn behalten möchten, wählen Sie vorher ein anderes Datum, oder entfernen Sie es.",
    ),
    "backup": (
        "{title}: Eine Sicherung ist fehlgeschlagen",
        "Die letzte Sicherung Ihres Shops konnte nicht erstellt werden. Ihr Shop ist offen, und die früheren "
        "Sicherungen bleiben erhalten. Erstellen Sie jetzt eine; wenn auch das fehlschlägt, fragen Sie Ihr "
        "Plattformteam.",
    ),
}
LINK = {"en": "Open the page of your shop", "de": "Zur Seite Ihres Shops"}
HELLO = {"en": "Hello,", "de": "Guten Tag,"}


def written(kind: str, reported: Mapping[str, str], title: str, country: str, link: str) -> EmailMessage:
    """Return a mail with a text and an HTML part, without sender and recipient.

    :param reported: values for the text; times as Kubernetes writes them.
    :param link: may be "".
    """
    language = "de" if country in GERMAN_COUNTRIES else "en"
    subject, text = (GERMAN if language == "de" else ENGLISH)[kind]
    named = {**{name: _shown(value, language) for name, value in reported.items()}, "title": title}
    subject, text = subject.format(**named), text.format(**named)
    mail = EmailMessage(policy=SMTP)
    # By the Store's schema a title is one line; a header with line breaks would raise an error here.
    mail["Subject"] = " ".join(subject.split())
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([HELLO[language], text, *([f"{LINK[language]}: {link}"] if link else [])]) + "\n")
    address = html.escape(link, quote=True)
    parts = [HELLO[language], html.escape(text)]
    body = "".join(f"<p>{part}</p>" for part in parts)
    body += f'<p><a href="{address}">{LINK[language]}</a></p>' if link else ""
    head = f'<meta charset="utf-8"><title>{html.escape(subject)}</title>'
    page = f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>\n'
    mail.add_alternative(page, subtype="html")
    return mail


def _shown(value: str, language: str) -> str:
    """Return a time in readable form; any other value unchanged."""
    time = moment(value)
    return f"{format_datetime(time, 'long', locale=language)}" if time else value
