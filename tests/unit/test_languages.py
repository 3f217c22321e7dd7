"""The language and regional format of the pages for a reader."""

from __future__ import annotations

import pytest

from storeplatform.dashboard import filters
from storeplatform.dashboard.languages import LANGUAGES, REGIONAL, language, regional


@pytest.mark.parametrize(
    ("accepted", "chosen", "form"),
    [
        (["en-GB", "en"], "en", "en_GB"),
        (["en-gb"], "en", "en_GB"),
        (["en"], "en", "en"),
        (["de-AT", "en-US"], "de", "de_AT"),
        (["fr-FR", "en-US"], "en", "en_US"),
        (["fr-FR"], "en", "en"),
        ([], "en", "en"),
        (["en-ZZ"], "en", "en"),
        (["de-", "en_@;#", "-"], "de", "de"),
    ],
)
def test_the_browser_determines_language_and_regional_format(accepted: list[str], chosen: str, form: str) -> None:
    assert language(accepted) == chosen
    assert regional(chosen, accepted) == form


def test_a_chosen_language_gets_the_browsers_regional_format_for_it() -> None:
    assert regional("de", ["en-GB", "de-CH"]) == "de_CH"
    assert regional("de", ["en-GB"]) == "de"


def test_every_regional_format_belongs_to_a_language_of_the_pages() -> None:
    assert {each.partition("_")[0] for each in REGIONAL} == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("language", "hour", "day", "exact"),
    [
        ("en_GB", "03:00 UTC", "24 December 2031", "24 Dec 2031, 03:00:00 UTC"),
        ("en", "3:00\u202fAM UTC", "December 24, 2031", "Dec 24, 2031, 3:00:00\u202fAM UTC"),
        ("de_AT", "03:00 UTC", "24. Dezember 2031", "24.12.2031, 03:00:00 UTC"),
    ],
    indirect=["language"],
)
def test_times_have_the_readers_regional_format(language: str, hour: str, day: str, exact: str) -> None:
    assert filters.hour(3) == hour
    assert filters.day("2031-12-24T00:00:00Z") == day
    assert filters.exact("2031-12-24T03:00:00Z") == exact


@pytest.mark.parametrize("language", ["de_AT"], indirect=True)
def test_a_regional_format_has_the_texts_of_its_language(language: str) -> None:
    assert filters.phase_word("Ready") == "Offen"
