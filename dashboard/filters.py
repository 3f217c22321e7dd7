"""Format the API's values for pages. All functions are pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any, NamedTuple

import yaml
from babel.numbers import get_currency_precision, get_currency_symbol
from flask_babel import format_date, format_datetime, format_decimal, format_time, format_timedelta, get_locale
from flask_babel import gettext as _

from storeplatform.common.objects import GROUP, VERSION

# An icon of the sprite and a tone for each phase. The phase is also shown as text, so the colour is not essential.
PHASES: Mapping[str, tuple[str, str]] = {
    "Ready": ("check", "good"),
    "Suspending": ("pause", "busy"),
    "Suspended": ("pause", "quiet"),
    "Pending": ("clock", "busy"),
    "Provisioning": ("clock", "busy"),
    "Upgrading": ("up", "busy"),
    "Degraded": ("alert", "warn"),
    "Failed": ("cross", "bad"),
    "Terminating": ("trash", "busy"),
}
# The same, with what owners know beside phases: see stage() in state.py.
STAGES = {**PHASES, **dict.fromkeys(("Opening", "Restoring", "Changing"), ("clock", "busy"))}


def currencies(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return currencies as (code, name in the reader's language), sorted by name."""
    return _by_name((code, currency(code)) for code in codes)


def territories(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return countries as (code, name in the reader's language), sorted by name."""
    names = get_locale().territories
    return _by_name((code, names.get(code, code)) for code in codes)


def currency(code: str) -> str:
    """A currency's name in the reader's language and its code."""
    return f"{get_locale().currencies.get(code, code)} ({code})"


def price_formats(formats: Iterable[str], shop: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the ways to write prices as (format, example), such as ("1.234,56 ¤", "1.234,56 €"); first the usual one.

    :param shop: the ``spec.shop`` whose currency and country they are for.
    """
    country = get_locale().territories.get(shop["country"], shop["country"])
    usual = str(_("As is usual in %(country)s", country=country))
    return [("", usual), *((each, _example(each, shop["currency"])) for each in formats)]


def _example(form: str, code: str) -> str:
    decimals = get_currency_precision(code)
    form = re.sub(r"(.)56", lambda found: f"{found[1]}{'56'.ljust(decimals, '0')}" if decimals else "", form)
    return form.replace("¤", get_currency_symbol(code, get_locale())).replace(" ", "\xa0").replace("'", "\u2019")


def _by_name(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Sort by name, with Ä beside A, as a reader expects."""
    return sorted(choices, key=lambda each: unicodedata.normalize("NFKD", each[1]).casefold())


def phase_word(phase: str) -> str:
    """Return the label of a phase or stage for owners, in the reader's language."""
    words = {
        "Ready": _("Open"),
        "Suspending": _("Closing"),
        "Suspended": _("Closed"),
        "Pending": _("Waiting"),
        "Provisioning": _("Being created"),
        "Upgrading": _("Upgrading"),
        "Degraded": _("Not fully working"),
        "Opening": _("Opening"),
        "Restoring": _("Being restored"),
        "Changing": _("Being changed"),
        "Failed": _("Needs attention"),
        "Terminating": _("Being deleted"),
    }
    return str(words.get(phase, phase))


class Condition(NamedTuple):
    """A condition in a timeline."""

    word: str
    why: str
    icon: str
    tone: str


# Conditions that report a problem when they are True.
BAD_NEWS = {
    "UpgradeFailed": ("alert", "bad"),
    "VersionRetired": ("alert", "warn"),
    "Expiring": ("alert", "warn"),
    "Terminating": ("trash", "busy"),
}


def condition(each: Mapping[str, Any], stages: Mapping[str, Any] | None = None) -> Condition:
    """Return one condition, in the reader's language.

    :param stages: the labels of the engine's own conditions, by language.
    """
    words = {
        "Accepted": _("Accepted"),
        "UpgradeFailed": _("Upgrade undone"),
        "VersionRetired": _("Old version"),
        "Expiring": _("Ends soon"),
        "Reconciled": _("Managed"),
        "Terminating": _("Being deleted"),
        **(stages or {}).get(get_locale().language, {}),
    }
    word, holds = words.get(each["type"], each["type"]), each["status"] == "True"
    if each["type"] in BAD_NEWS:
        icon, tone = BAD_NEWS[each["type"]]
        return Condition(word, each["message"], icon if holds else "check", tone if holds else "quiet")
    if holds:
        return Condition(word, "", "check", "good")
    return Condition(word, each["message"], "clock", "quiet" if each["reason"] == "Waiting" else "busy")


def moment(text: str | None) -> datetime | None:
    """Return the time that the API's string denotes; None if there is none."""
    return datetime.fromisoformat(text) if text else None


def ago(text: str | None, now: datetime) -> str:
    """Return the distance of a time from now, in words."""
    at = moment(text)
    return str(format_timedelta(at - now, add_direction=True, threshold=1.1)) if at else ""


def exact(text: str | None) -> str:
    """Return a time in UTC, in the format of the reader's region."""
    at = moment(text)
    return f"{format_datetime(at, 'medium', rebase=False)} UTC" if at else ""


def hour(number: int) -> str:
    """Return a full hour in UTC, in the format of the reader's region."""
    # Babel formats times of a datetime only; the date is not shown.
    at = datetime.combine(datetime.min, time(number))
    return f"{format_time(at, 'short', rebase=False)} UTC"


def day(text: str | None) -> str:
    """Return the date of a time in UTC, in the format of the reader's language."""
    at = moment(text)
    return str(format_date(at, "long", rebase=False)) if at else ""


def daily_hour(schedule: str) -> int | None:
    """Return the hour (UTC) of a schedule that runs once a day at a full hour; None for any other."""
    found = re.fullmatch(r"0 (1?\d|2[0-3]) \* \* \*", schedule)
    return int(found[1]) if found else None


def binary(quantity: str) -> str:
    """Convert a Kubernetes quantity (512Mi, 2Gi) to the form that pages use (512 MiB, 2 GiB)."""
    return re.sub(r"^(\d+(?:\.\d+)?)([KMGTP]i)$", r"\1 \2B", quantity)


def size(number: int) -> str:
    """Return a number of bytes in a suitable unit, such as 12.5 MiB, in the format of the reader's language."""
    value, unit = float(number), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{format_decimal(value, '#,##0.#' if value < 100 else '#,##0')} {unit}"


def as_yaml(value: Any) -> str:
    """Return YAML with keys in the given order."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


def manifest(store: Mapping[str, Any]) -> str:
    """Return the Store manifest for ``kubectl apply``."""
    spec = {key: value for key, value in store["spec"].items() if value not in (False, {}, None)}
    head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Store"}
    return as_yaml({**head, "metadata": {"name": store["name"]}, "spec": spec})
