"""How pages write what the API says. Pure: the same value gives the same text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import yaml
from flask_babel import format_timedelta
from flask_babel import gettext as _

# An icon of the sprite and a tone for each phase; the word stands beside, so that no colour is needed.
PHASES: Mapping[str, tuple[str, str]] = {
    "Ready": ("check", "good"),
    "Suspended": ("pause", "quiet"),
    "Pending": ("clock", "busy"),
    "Provisioning": ("clock", "busy"),
    "Upgrading": ("up", "busy"),
    "Degraded": ("alert", "warn"),
    "Failed": ("cross", "bad"),
    "Terminating": ("trash", "busy"),
}


def phase_word(phase: str) -> str:
    """A phase in the reader's language, as an owner would say it."""
    words = {
        "Ready": _("Open"),
        "Suspended": _("Closed"),
        "Pending": _("Waiting"),
        "Provisioning": _("Being made"),
        "Upgrading": _("Upgrading"),
        "Degraded": _("Disturbed"),
        "Failed": _("Needs you"),
        "Terminating": _("Being deleted"),
    }
    return str(words.get(phase, phase))


class Told(NamedTuple):
    """A condition for a timeline."""

    word: str
    why: str
    icon: str
    tone: str


# Conditions whose being true is no good news.
BAD_NEWS = {"UpgradeFailed": ("alert", "bad"), "Expiring": ("alert", "warn"), "Terminating": ("trash", "busy")}


def condition(each: Mapping[str, Any]) -> Told:
    """One condition, in the reader's language."""
    words = {
        "Accepted": _("Accepted"),
        "Exposed": _("Address"),
        "NamespaceReady": _("Its own place"),
        "DatabaseReady": _("Database"),
        "Restored": _("Backup put back"),
        "Snapshotted": _("Data saved"),
        "Migrated": _("Data prepared"),
        "BackendReady": _("Backend"),
        "StorefrontReady": _("Storefront"),
        "BackupsScheduled": _("Backups"),
        "UpgradeFailed": _("Upgrade taken back"),
        "Expiring": _("Ends soon"),
        "Terminating": _("Being deleted"),
    }
    word, holds = words.get(each["type"], each["type"]), each["status"] == "True"
    if each["type"] in BAD_NEWS:
        icon, tone = BAD_NEWS[each["type"]]
        return Told(word, each["message"], icon if holds else "check", tone if holds else "quiet")
    if holds:
        return Told(word, "", "check", "good")
    return Told(word, each["message"], "clock", "quiet" if each["reason"] == "Waiting" else "busy")


def moment(text: str | None) -> datetime | None:
    """A time of the API's; None where there is none."""
    return datetime.fromisoformat(text) if text else None


def ago(text: str | None, now: datetime) -> str:
    """How long ago or ahead a time is, in words."""
    at = moment(text)
    return str(format_timedelta(at - now, add_direction=True, threshold=1.1)) if at else ""


def exact(text: str | None) -> str:
    """A time as a clock in UTC has it."""
    at = moment(text)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


def as_yaml(value: Any) -> str:
    """YAML in the order it is given."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return text


def manifest(store: Mapping[str, Any]) -> str:
    """The Store that ``kubectl apply`` would take."""
    spec = {key: value for key, value in store["spec"].items() if value not in (False, {}, None)}
    head = {"apiVersion": "platform.urumi.dev/v1alpha1", "kind": "Store"}
    return as_yaml({**head, "metadata": {"name": store["name"]}, "spec": spec})
