"""Every text of the pages has a German translation, and the compiled catalogue is current."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

DASHBOARD = Path(str(files("storeplatform.dashboard")))
GERMAN = DASHBOARD / "translations" / "de" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]


def texts() -> set[str]:
    """The texts of the pages."""
    found = extract_from_dir(str(DASHBOARD), METHODS, keywords={"_": None, "gettext": None})
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def catalog() -> Catalog:
    with (GERMAN / "messages.po").open("rb") as file:
        return read_po(file, locale="de")


def test_every_text_has_a_german_translation_and_none_is_unused() -> None:
    said = {message.id: message.string for message in catalog() if message.id}
    assert texts() == said.keys()
    assert [text for text, german in said.items() if not german] == []


def test_placeholders_are_the_same_in_both_languages() -> None:
    assert [error for message in catalog() for error in message.check(catalog())] == []


def test_the_compiled_catalogue_is_current() -> None:
    with (GERMAN / "messages.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in catalog() if message.id}
