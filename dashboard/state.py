"""Describe the state of a shop to its owner: from its phase and the reason of its condition Ready, with what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask_babel import get_locale
from flask_babel import gettext as _

from storeplatform.common.reasons import REASONS

IN_PROGRESS = {"Pending", "Provisioning", "Upgrading"}
# Reasons of a change in progress, and of normal progress: they are a fault only once the platform gives up.
CHANGING = {"Creating", "JobRunning", "Stopping", "Updating", "Waiting"}
PROGRESS = {*CHANGING, "PodsNotReady", "RollingOut"}


class State(NamedTuple):
    """``says``: the shop's state, as a sentence.

    ``advice``: what to do. ``does``: the id of the page's section that helps; "" if there is nothing to do.
    """

    says: str
    advice: str
    does: str = ""


class Steps(NamedTuple):
    """The progress of a shop that is being created or changed.

    ``ready_at``: when it will probably be ready, from the time that other shops took; None if that is unknown.
    """

    done: int
    of: int
    ready_at: datetime | None = None


def stage(store: Mapping[str, Any]) -> str:
    """Return the phase as an owner knows it. A shop that is opening, being restored or changed is not broken.

    :param store: in the API's form, by itself or in a list.
    """
    phase, ready = store["phase"], store["ready"]
    if phase != "Degraded":
        return str(phase)
    if store["restoring"]:
        return "Restoring"
    # Opening a shop restarts its release; the shop was not ready since then.
    if (ready["since"] or "") < (store["startedAt"] or ""):
        return "Opening"
    return "Changing" if ready["reason"] in CHANGING else "Degraded"


def state(store: Mapping[str, Any]) -> State:
    """Return the state of a store, and what its owner can do."""
    phase = stage(store)
    says = {
        "Ready": _("Your shop is open."),
        "Suspending": _("Your shop is closing."),
        "Suspended": _("Your shop is closed. Shoppers can't reach it, and everything in it is kept."),
        "Pending": _("Your shop will be created in a moment."),
        "Provisioning": _("Your shop is being created."),
        "Upgrading": _("Your shop is being changed to another version."),
        "Opening": _("Your shop is opening."),
        "Restoring": _("Your shop gets its data from a backup. Shoppers can't reach it until then."),
        "Changing": _("Your shop is being changed. It may not answer for a moment."),
        "Degraded": _("Part of your shop does not work at the moment."),
        "Failed": _("Your shop needs attention."),
        "Terminating": _("Your shop is being deleted."),
    }
    return State(says.get(phase, phase), *_advice(store))


def steps(store: Mapping[str, Any], engine: Mapping[str, Any]) -> Steps | None:
    """Return how many of its engine's steps are done while a shop is created or changed; otherwise None."""
    if store["phase"] not in IN_PROGRESS:
        return None
    known = engine.get("steps", [])
    found = [each for each in store["status"].get("conditions", []) if each["type"] in known]
    done = sum(each["status"] == "True" for each in found)
    return Steps(done, len(found), _ready_at(store, engine)) if found else None


def _ready_at(store: Mapping[str, Any], engine: Mapping[str, Any]) -> datetime | None:
    """Return when a new shop will probably be ready.

    If it was closed meanwhile, the estimate starts when it was opened.
    """
    status, seconds = store["status"], engine.get("secondsToReady")
    release = status.get("release", {})
    if seconds is None or release.get("running"):
        return None
    begun = datetime.fromisoformat(release.get("since") or store["createdAt"])
    return begun + timedelta(seconds=seconds)


def _advice(store: Mapping[str, Any]) -> tuple[str, str]:
    phase, reason = store["phase"], store["ready"]["reason"]
    kinds = {each["type"]: each for each in store["status"].get("conditions", [])}
    if phase == "Ready" and (said := _of_change(kinds)):
        return said
    if phase == "Ready" and "VersionRetired" in kinds:
        return _("Its version no longer gets fixes. Choose a newer one."), "version"
    if phase == "Ready" and "UpgradeFailed" in kinds:
        return _("The last change of its version failed, so the shop returned to the previous one."), "version"
    if phase == "Ready" and _is(kinds, "HostnameVerified", "False"):
        return _("Its new address has to be confirmed before it is used."), "address"
    if phase == "Ready" and _is(kinds, "BackupFailed", "True"):
        return registered("BackupFailed")
    if phase in ("Suspending", "Suspended"):
        closed_by_owner = store.get("spec", {}).get("suspended") and not _is(kinds, "Expiring", "True", "Expired")
        if store["status"].get("deletesAt") and not closed_by_owner:
            return _("It has ended. It is deleted with its data unless you choose a later end date."), "extend"
        return _("You can open it again at any time."), "resume"
    if phase in ("Ready", "Terminating"):
        return _("There is nothing for you to do."), ""
    if phase == "Failed" and _is(kinds, "Restored", "False", "JobFailed"):
        return _("The backup could not be restored. Choose another one, or ask your platform team."), "backups"
    known = reason in REASONS and REASONS[reason].owner
    if known and (phase == "Failed" or reason not in PROGRESS):
        return registered(reason)
    if phase == "Failed":
        return _("Ask your platform team, and send them the details for experts at the end of this page."), "experts"
    return _("There is nothing for you to do. This page updates automatically."), ""


def _of_change(kinds: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Return the texts for an open shop that is about to end, or to get its data from a backup."""
    if _is(kinds, "Expiring", "True"):
        return _("It ends soon. Choose a later end date to keep it."), "extend"
    if _is(kinds, "RestoreChecked", "False", "JobFailed"):
        words = _("The backup that you chose can't be used, so your shop keeps what it has. Choose another one.")
        return words, "backups"
    if _is(kinds, "RestoreChecked", "False"):
        return _("The backup that you chose is being checked. Your shop closes for it after that."), ""
    return None


def _is(kinds: Mapping[str, Mapping[str, Any]], kind: str, status: str, reason: str = "") -> bool:
    """Whether there is this condition, with that status and, if one is given, that reason."""
    found = kinds.get(kind, {})
    return found.get("status") == status and found.get("reason", "") == (reason or found.get("reason", ""))


def registered(reason: str) -> tuple[str, str]:
    """Return the registry's text for owners, and the section of the page that helps."""
    known = REASONS[reason]
    return known.owner.get(get_locale().language, known.owner["en"]), known.help


class Record(NamedTuple):
    """The DNS record that confirms an address."""

    host: str
    name: str
    value: str


# The message of the condition HostnameVerified; see unproven() in hooks/core/hosts.py.
_RECORD = re.compile(r"(?P<host>\S+) is not served .* set the TXT record (?P<name>\S+) to (?P<value>\S+)( \(.*\))?")


def record(store: Mapping[str, Any]) -> Record | None:
    """Return the record that the owner has to set to confirm the store's new address; None if there is nothing to
    confirm.
    """
    for each in store["status"].get("conditions", []):
        found = _RECORD.fullmatch(each.get("message", "")) if each["type"] == "HostnameVerified" else None
        if found and each["status"] == "False":
            return Record(found["host"], found["name"], found["value"])
    return None
