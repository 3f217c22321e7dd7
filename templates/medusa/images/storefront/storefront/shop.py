"""Everything that the pages need, created once."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer

from .carts import Carts
from .config import Config
from .medusa import Medusa
from .money import Writing
from .regions import Regions


@dataclass(frozen=True)
class Shop:
    """One shop. ``orders`` signs an order's id, so that its page has an address that can't be guessed."""

    config: Config
    medusa: Medusa
    regions: Regions
    carts: Carts
    writing: Writing
    orders: URLSafeSerializer

    def order_of(self, reference: str) -> str | None:
        """Return the id of the order whose page has that address; None if the address is invalid."""
        try:
            return str(self.orders.loads(reference))
        except BadSignature:
            return None


def open_shop(config: Config) -> Shop:
    """Return the shop for ``config``. The backend is not called yet."""
    medusa = Medusa(config.backend, config.publishable_key)
    regions = Regions(medusa, config.country)
    orders = URLSafeSerializer(config.secret_key, salt="order")
    return Shop(config, medusa, regions, Carts(medusa), Writing(config.country, config.price_format), orders)
