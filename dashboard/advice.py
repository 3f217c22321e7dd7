"""What an owner can do about what blocks their shop: by the reason of its condition Ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask_babel import gettext as _


class Advice(NamedTuple):
    """``does``: the part of the page that helps, by its id; empty where there is nothing to do."""

    words: str
    does: str = ""


def advice(store: Mapping[str, Any]) -> Advice:
    """What to do next about this store."""
    phase, reason = store["phase"], store["ready"]["reason"]
    if phase == "Ready":
        return Advice(_("It sells. There is nothing to do."))
    if phase == "Suspended":
        ended = store["expiresAt"] and store["status"].get("deletesAt")
        if ended:
            return Advice(_("It has ended, and is deleted with its data unless you move its end."), "extend")
        return Advice(_("Open it again whenever you like: everything was kept."), "resume")
    if phase == "Terminating":
        return Advice(_("It is being deleted. There is nothing to do."))
    by_reason = {
        "QuotaExceeded": (_("Choose a larger plan, or fewer storefront copies."), "plan"),
        "HostnameTaken": (_("Another shop has this address: choose another one."), "address"),
        "ImagePullFailed": (_("Go back to a version that is offered, or tell your platform team."), "version"),
        "CrashLoop": (_("Look at the log, or go back to the version before."), "parts"),
        "ContainerFailed": (_("Look at the log, or go back to the version before."), "parts"),
        "JobFailed": (_("Look at the log, or go back to the version before."), "parts"),
        "UnknownVersion": (_("Choose a version that is offered."), "version"),
        "UnknownPlan": (_("Choose a plan that is offered."), "plan"),
        "Unschedulable": (
            _("The platform has no room just now: choose a smaller plan, or tell your platform team."),
            "plan",
        ),
        "NoObjectStore": (_("Choose one of this shop's own backups."), "backups"),
    }
    if reason in by_reason:
        return Advice(*by_reason[reason])
    if phase == "Failed":
        return Advice(_("Tell your platform team what stands here."))
    return Advice(_("Nothing to do: this page follows it."))
