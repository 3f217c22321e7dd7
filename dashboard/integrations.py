"""The owner's view of a store's integrations: the API's fields, with texts in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from storeplatform.common.integrations import RELAY
from storeplatform.common.reasons import REASONS

from .state import registered

# A provider's own words in the message of a check that failed; see _ending() in hooks/core/pods.py.
_SAID = re.compile(r".*container \S+: exit code \d+ \(\w+\): (?P<words>.+)\)(; [^;]*)?", re.DOTALL)


def words(items: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the integrations from the API, with the page's titles and descriptions.

    ``by_platform``: the text for the platform's own integration, which nobody can remove. ``underway``, ``fault``: the
    text while its provider is being asked, and if it can't be used; else empty.
    """
    return [
        {
            **item,
            "underway": _underway(item["ready"]),
            "fault": _fault(item),
            "by_platform": _by_platform(item) if item["provider"] == RELAY else "",
            "title": _titles().get(item["name"], item["title"]),
            "providers": [_provider(each) for each in item["providers"]],
        }
        for item in items
    ]


def _passes(ready: Mapping[str, str]) -> bool:
    return ready["reason"] in REASONS and not REASONS[ready["reason"]].remedy


def _underway(ready: Mapping[str, str] | None) -> str:
    if not ready or ready["status"] == "True" or not _passes(ready):
        return ""
    return str(_("The provider is asked whether it accepts this."))


def _fault(item: Mapping[str, Any]) -> str:
    ready = item["ready"]
    if not ready or ready["status"] == "True" or _passes(ready):
        return ""
    if item["provider"] == RELAY:
        return str(_("Mails wait at the moment. Ask your platform team, or set a mail server of your own."))
    if found := _SAID.fullmatch(ready["message"]):
        return str(_("The provider does not accept this: “%(words)s” Set it again.", words=found["words"]))
    if ready["reason"] in ("InvalidIntegration", "KeysNotCloned"):
        return registered(ready["reason"])[0]
    return str(_("It could not be confirmed that the provider accepts this. Set it again, or ask your platform team."))


def _by_platform(item: Mapping[str, Any]) -> str:
    return str(_("Mail goes out through the platform, as %(sender)s.", sender=item["shown"].get("from", "")))


def _provider(provider: Mapping[str, Any]) -> dict[str, Any]:
    titles = {"smtp": _("SMTP server")}
    return {**provider, "title": titles.get(provider["name"], provider["title"]), "fields": _fields(provider)}


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
