"""The history of shops, as sentences for owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from .filters import day


def action_words() -> dict[str, str]:
    """Return the kinds of actions that a reader can filter by. The API knows more; they are shown without a filter."""
    return {
        "create": _("Created"),
        "update": _("Changed"),
        "suspend": _("Closed"),
        "resume": _("Opened"),
        "restart": _("Restarted"),
        "backup": _("Backup requested"),
        "restore": _("Restored"),
        "extend": _("End date changed"),
        "reveal-credentials": _("Sign-in shown"),
        "delete": _("Deleted"),
    }


def actor(record: Mapping[str, Any], reader: str) -> str:
    """Return who did it: the reader, the platform itself, or somebody by name."""
    name: str = record["actor"]
    if name == reader:
        return str(_("You"))
    if name.startswith("system:serviceaccount:"):
        return str(_("The platform"))
    return name


def line(record: Mapping[str, Any], reader: str) -> str:
    """Return one sentence: who did what."""
    what = sentence(record)
    if record["actor"] == reader:
        return str(_("You %(what)s", what=what))
    return str(_("%(who)s %(what)s", who=actor(record, reader), what=what))


def sentence(record: Mapping[str, Any]) -> str:
    """Return what was done or attempted, without who did it."""
    before, after = _spec(record["before"]), _spec(record["after"])
    store = record["store"]
    named: dict[str, str] = {
        "create": _("created %(shop)s", shop=store),
        "delete": _("deleted %(shop)s", shop=store),
        "suspend": _("closed %(shop)s", shop=store),
        "resume": _("opened %(shop)s", shop=store),
        "restart": _("restarted %(shop)s", shop=store),
        "backup": _("asked for a backup of %(shop)s", shop=store),
        "restore": _("restored a backup of %(shop)s", shop=store),
        "reveal-credentials": _("looked at the sign-in of %(shop)s", shop=store),
        "set-integration": _("connected %(shop)s to a payment provider", shop=store),
        "remove-integration": _("disconnected %(shop)s from a payment provider", shop=store),
        "quota": _("changed the limit of %(owner)s", owner=record["owner"] or _("all together")),
    }
    if record["action"] == "create" and (source := _source(after)):
        return str(_("created %(shop)s from a backup of %(source)s", shop=store, source=source))
    if record["action"] in named:
        return named[record["action"]]
    changed = [_change(field, before.get(field), after.get(field)) for field in {**before, **after}]
    what = ", ".join(sorted(dict.fromkeys(filter(None, changed)))) or _("its settings")
    return str(_("changed %(shop)s: %(what)s", shop=store, what=what))


def _spec(said: Any) -> Mapping[str, Any]:
    """Return the fields in a record. A refused request is recorded as it was sent, so it may contain anything."""
    inner = said.get("spec", said) if isinstance(said, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _source(spec: Mapping[str, Any]) -> str:
    """Return the shop whose backup a new one was created from."""
    wanted = spec.get("restoreFrom")
    return str(wanted.get("store") or "") if isinstance(wanted, dict) else ""


def _date(text: Any) -> str:
    try:
        return day(text) if isinstance(text, str) else ""
    except ValueError:
        return str(text)


def _change(field: str, old: Any, new: Any) -> str:
    """Return one changed field in an owner's words; internal settings of the platform share one text."""
    if field.startswith("metadata."):
        return str(_("internal settings"))
    date = _date(new) if field == "expiresAt" else ""
    words: dict[str, str] = {
        "adminEmail": _("the administrator's e-mail"),
        "backup": _("backups turned on") if new else _("backups turned off"),
        "deletionProtection": _("protected against deletion") if new else _("no longer protected against deletion"),
        "expiresAt": _("end date %(day)s", day=date) if new else _("no end date"),
        "hostname": _("address %(host)s", host=new) if new else _("the platform's address"),
        "plan": _("plan %(plan)s", plan=new),
        "restartedAt": _("restarted"),
        "restoreFrom": _("data from a backup") if new else _("no longer from a backup"),
        "shop": _shop(old, new),
        "storage": _("storage %(size)s", size=new),
        "storefront": _("number of storefront copies"),
        "suspended": _("closed") if new else _("opened"),
        "version": _("version %(version)s", version=new) if new else _("the newest version"),
    }
    return words.get(field, field)


def _shop(old: Any, new: Any) -> str:
    """Return which of the shop's own values have changed."""
    before, after = (each if isinstance(each, dict) else {} for each in (old, new))
    words: dict[str, str] = {
        "country": _("the country"),
        "currency": _("the currency"),
        "priceFormat": _("how prices are written"),
        "title": _("the title"),
    }
    return ", ".join(word for key, word in words.items() if before.get(key) != after.get(key))
