"""Choose the reader's language, and the regional format of times, dates and names. All functions are pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from babel import negotiate_locale
from babel.localedata import locale_identifiers

# The languages of the pages.
LANGUAGES = {"en": "English", "de": "Deutsch"}
# Their regional variants: a reader in London sees 03:00, one in New York 3:00 AM.
_REGIONAL = re.compile(r"([a-z]{2})_([A-Z]{2}|\d{3})")
REGIONAL = [each for each in locale_identifiers() if (found := _REGIONAL.fullmatch(each)) and found[1] in LANGUAGES]


def language(accepted: Iterable[str]) -> str:
    """Return the pages' language for a browser's accepted languages, which are given best first."""
    return negotiate_locale([each.replace("-", "_").lower() for each in accepted], LANGUAGES) or "en"


def regional(chosen: str, accepted: Iterable[str]) -> str:
    """Return the first regional variant of a language that the browser accepts; otherwise the language itself."""
    named = [each.replace("-", "_") for each in accepted]
    wanted = [f"{each[:2].lower()}_{each[3:].upper()}" for each in named if each[:3].lower() == f"{chosen}_"]
    return negotiate_locale(wanted, REGIONAL) or chosen
