"""Format prices and dates for the shop's country."""

from __future__ import annotations

from datetime import datetime

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.languages import get_official_languages
from babel.numbers import format_currency


class Writing:
    """The formats of one country; the pages' own language is English.

    :param country: ISO 3166-1 alpha-2. An unknown one gets English formats.
    """

    def __init__(self, country: str) -> None:
        languages = get_official_languages(country, de_facto=True)
        self.prices = _locale(languages[0] if languages else "en", country)
        self.dates = _locale("en", country)

    def price(self, amount: float, currency: str) -> str:
        """Return the amount, in the currency's main unit, with its sign: ``49,00 €`` in Germany."""
        return str(format_currency(amount, currency.upper(), locale=self.prices))

    def date(self, moment: str) -> str:
        """Return the date of an ISO 8601 time."""
        return format_date(datetime.fromisoformat(moment), "long", locale=self.dates)


def _locale(language: str, country: str) -> Locale:
    try:
        return Locale.parse(f"{language}_{country}")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
