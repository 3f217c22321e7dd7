"""Payment: one session with a provider per cart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .medusa import Medusa, Object
from .regions import Region


@dataclass(frozen=True)
class Provider:
    """A payment method that these pages can complete.

    :param page: the origin of the provider's own payment page; "" if it has none.
    """

    id: str
    label: str
    note: str
    page: str = ""


# By Medusa's id. Others are not offered: their sessions need steps that these pages do not have.
KNOWN = [
    Provider("pp_stripe_stripe", "Card", "You pay on the page of our payment provider, Stripe."),
    Provider("pp_system_default", "Invoice", "You pay after you have received the goods."),
]

# Timeout: the payment provider is called meanwhile.
BEGIN_SECONDS = 20


def providers(medusa: Medusa, region: Region) -> list[Provider]:
    """Return the payment methods that the region has, that work now, and that these pages support."""
    there = {each["id"] for each in medusa.get("payment-providers", region_id=region.id)["payment_providers"]}
    pages = {each["id"]: each.get("page", "") for each in medusa.get("payment-methods")["payment_methods"]}
    return [replace(known, page=pages[known.id]) for known in KNOWN if known.id in there & pages.keys()]


def begin(medusa: Medusa, cart: Object, provider: Provider, title: str) -> str:
    """Give the cart a payment session with the provider, replacing an earlier one.

    :return: the address of the provider's payment page; "" if there is nothing to pay now.
    :raise Refused: the provider refuses it.
    """
    collection = cart.get("payment_collection")
    if not collection:
        collection = medusa.post("payment-collections", {"cart_id": cart["id"]})["payment_collection"]
    path = f"payment-collections/{collection['id']}/payment-sessions"
    # The provider receives only this of the shopper and the cart.
    known = {"email": cart.get("email"), "description": title}
    body = {"provider_id": provider.id, "data": known}
    answer = medusa.post(path, body, timeout=BEGIN_SECONDS)
    sessions = answer["payment_collection"].get("payment_sessions") or []
    (session,) = [each for each in sessions if each["provider_id"] == provider.id]
    return str((session.get("data") or {}).get("url") or "")


def begun(cart: Object) -> bool:
    """Whether the cart has a session on a provider's page, which may be paid by now."""
    sessions = (cart.get("payment_collection") or {}).get("payment_sessions") or []
    return any((each.get("data") or {}).get("url") for each in sessions)
