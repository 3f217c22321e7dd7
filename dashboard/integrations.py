"""The owner's view of a store's integrations: the API's fields, with texts in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from storeplatform.common.integrations import RELAY


def words(items: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the integrations from the API, with the page's titles and descriptions.

    ``by_platform``: the text for the platform's own integration, which nobody can remove.
    """
    return [
        {
            **item,
            "by_platform": _by_platform(item) if item["provider"] == RELAY else "",
            "title": _titles().get(item["name"], item["title"]),
            "providers": [{**provider, "fields": _fields(provider)} for provider in item["providers"]],
        }
        for item in items
    ]


def _by_platform(item: Mapping[str, Any]) -> str:
    return str(_("Mail goes out through the platform, as %(sender)s.", sender=item["shown"].get("from", "")))


def _fields(provider: Mapping[str, Any]) -> list[dict[str, Any]]:
    known, said = _known(), []
    for field in provider["fields"]:
        title, text = known.get(field["name"], (field["title"], field["description"]))
        said.append({**field, "title": title, "help": text})
    return said


def _titles() -> dict[str, str]:
    return {"payments": _("Card payments"), "mail": _("Mail server")}


def _known() -> dict[str, tuple[str, str]]:
    return {
        "secretKey": (_("Secret key"), _("From Stripe's dashboard, such as sk_live_…. It is never shown again.")),
        "publishableKey": (_("Publishable key"), _("Such as pk_live_….")),
        "webhookSecret": (
            _("Webhook signing secret"),
            _("Such as whsec_…. The webhook's address is your shop's, with /hooks/payment/stripe_stripe after it."),
        ),
        "host": (_("Server"), _("Such as smtp.example.com.")),
        "port": (_("Port"), _("465, 587 or 2525. The connection is always encrypted.")),
        "username": (_("User name"), ""),
        "password": (_("Password of the mail server"), _("It is never shown again.")),
        "from": (_("Sender"), _("The address that the shop's mails come from.")),
    }
