"""Paying: one session with a provider for each cart."""

from __future__ import annotations

from dataclasses import dataclass

from .medusa import Medusa, Object
from .regions import Region


@dataclass(frozen=True)
class Provider:
    """A way to pay that these pages can bring to its end."""

    id: str
    label: str
    note: str


# By Medusa's id. One that is not here is not offered: its session would wait for steps these pages don't have.
KNOWN = [
    Provider("pp_system_default", "Invoice", "You pay when the goods are with you."),
]


def providers(medusa: Medusa, region: Region) -> list[Provider]:
    """The ways to pay that the region has and these pages know."""
    there = {each["id"] for each in medusa.get("payment-providers", region_id=region.id)["payment_providers"]}
    return [provider for provider in KNOWN if provider.id in there]


def begin(medusa: Medusa, cart: Object, provider: Provider) -> None:
    """Give the cart a payment session with the provider, in place of what it had.

    :raise Refused: the provider takes none.
    """
    collection = cart.get("payment_collection")
    if not collection:
        collection = medusa.post("payment-collections", {"cart_id": cart["id"]})["payment_collection"]
    medusa.post(f"payment-collections/{collection['id']}/payment-sessions", {"provider_id": provider.id})
