"""Format prices and dates for the shop's country."""

from __future__ import annotations

import re
from datetime import datetime

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.languages import get_official_languages
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol

# A format by its example: the currency's place and the two separators.
FORMAT = re.compile(r"(¤ ?)?1(.)234(.)56( ?¤)?")


class Writing:
    """The formats of one country; the pages' own language is English.

    :param country: ISO 3166-1 alpha-2. An unknown one gets English formats.
    :param price_format: how prices are written instead, such as "1.234,56 ¤"; empty for as in the country.
    """

    def __init__(self, country: str, price_format: str = "") -> None:
        self.format = FORMAT.fullmatch(price_format)
        languages = get_official_languages(country, de_facto=True)
        self.prices = _locale(languages[0] if languages else "en", country)
        self.dates = _locale("en", country)

    def price(self, amount: float, currency: str) -> str:
        """Return the amount, in the currency's main unit, with its sign: ``49,00 €`` in Germany."""
        code = currency.upper()
        if not self.format:
            return str(format_currency(amount, code, locale=self.prices))
        before, thousands, decimal, after = (part or "" for part in self.format.groups())
        number = f"{abs(amount):,.{get_currency_precision(code)}f}".translate({ord(","): thousands, ord("."): decimal})
        sign, symbol = "-" if amount < 0 else "", get_currency_symbol(code, self.prices)
        # What belongs together stays on one line.
        written = f"{sign}{before}{number}{after}".translate({ord(" "): "\xa0", ord("'"): "\u2019"})
        return written.replace("¤", symbol)

    def date(self, time: str) -> str:
        """Return the date of an ISO 8601 time."""
        return format_date(datetime.fromisoformat(time), "long", locale=self.dates)


def _locale(language: str, country: str) -> Locale:
    try:
        return Locale.parse(f"{language}_{country}")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
