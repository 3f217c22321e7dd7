"""The texts that a page shows when the API refuses a request.

The API's messages name fields as kubectl does, so only platform teams see them. Owners see the texts of this module,
chosen by the kind of problem and the field; fields have the names that the dashboard shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _

from .client import ApiProblem

# Errors in an integration's fields are shown in the API's words, because they quote the provider.
PROVIDERS = "/fields/"
OWNER = "owner"


def summary(problem: ApiProblem, role: str) -> str:
    """Return the reason for the refusal, if no field has to be corrected."""
    if role != OWNER:
        return problem.detail
    return _kinds().get(problem.kind) or _("This can't be done now. Try again in a moment, or ask your platform team.")


def fields(problem: ApiProblem, role: str) -> dict[str, str]:
    """Return what to correct, by JSON pointer."""
    if role != OWNER:
        return problem.errors
    known = _fields()
    return {where: known.get(_spec(where)) or _("This value can't be used.") for where in problem.errors}


def of_integration(problem: ApiProblem) -> list[str]:
    """The fields of an integration to correct, by name."""
    return [each.removeprefix(PROVIDERS) for each in problem.errors if each.startswith(PROVIDERS)]


def all_of(problem: ApiProblem, role: str) -> str:
    """Return the whole refusal as one text, for a small form."""
    return " ".join(fields(problem, role).values()) or summary(problem, role)


def _spec(where: str) -> str:
    """Return the pointer of the field in the spec: bodies of actions have the field at the top level."""
    return where if where.startswith("/spec/") or where == "/name" else f"/spec{where}"


def _kinds() -> Mapping[str, str]:
    return {
        "backup-underway": _("The backup that you asked for is still being made. Wait until it is in the list."),
        "backups-off": _("Backups are turned off. Turn them on first."),
        "conflict": _("Something else is changing it at the moment. Try again in a moment."),
        "forbidden": _("Only your platform team can do this. Ask them."),
        "invalid": _("This can't be used as it is. Correct it, or ask your platform team."),
        "quota-exceeded": _("You have reached your limit of shops. Delete one, or ask your platform team for more."),
        "stale": _("It was changed meanwhile. This page shows how it is now: look at it, then repeat your change."),
        "store-closed": _("Your shop is closed. Open it first."),
        "store-deleting": _("Your shop is being deleted."),
        "unavailable": _("The platform can't do this now. Try again in a moment."),
    }


def _fields() -> Mapping[str, str]:
    address = _(
        "Choose a full address of your own that no other shop has, such as shop.example.com, without https:// before "
        "it."
    )
    return {
        "/name": _(
            "Choose a name that no other shop has: at most 40 lowercase letters, digits and hyphens, with a letter or "
            "digit at both ends."
        ),
        "/spec/adminEmail": _("Enter a full e-mail address, such as ann@example.com."),
        "/spec/backup": _("Choose one of the backups in the list."),
        "/spec/backup/schedule": _("Choose a time from the list."),
        "/spec/engine": _("Choose one of the listed kinds of software."),
        "/spec/expiresAt": _("Choose a day that is still to come."),
        "/spec/hostname": address,
        "/spec/owner": _("A shop that you create is yours: leave its owner out."),
        "/spec/plan": _("Choose a plan that is offered."),
        "/spec/restoreFrom/backup": _("Choose one of the backups in the list."),
        "/spec/restoreFrom/store": _("Choose one of your own shops."),
        "/spec/shop/country": _("Choose a country from the list."),
        "/spec/shop/currency": _("Choose a currency from the list. It can't be changed once the shop is created."),
        "/spec/shop/priceFormat": _("Choose one of the listed ways to write prices."),
        "/spec/shop/title": _("Enter one line of at most 100 characters."),
        "/spec/version": _("Choose a version that is offered."),
    }
