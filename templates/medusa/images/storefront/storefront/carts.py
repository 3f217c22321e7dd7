"""A shopper's cart: Medusa stores the cart, the shopper's session its id."""

from __future__ import annotations

from typing import Any

from flask import session

from .medusa import Medusa, Object, Refused
from .regions import Region

COMPLETE_SECONDS = 20  # placing an order is worth a longer wait
# Fields in addition to those that Medusa returns by default.
FIELDS = (
    "+items.variant.title,+items.product.handle,*shipping_methods,*payment_collection,"
    "*payment_collection.payment_sessions,+completed_at"
)


class Carts:
    """The cart of the current session."""

    def __init__(self, medusa: Medusa) -> None:
        self._medusa = medusa

    def current(self) -> Object | None:
        """Return the session's cart; None if it has none, it no longer exists, or it was ordered."""
        if "cart" not in session:
            return None
        try:
            cart: Object = self._medusa.get(f"carts/{session['cart']}", fields=FIELDS)["cart"]
        except Refused:
            self._forget()
            return None
        if cart.get("completed_at"):
            return None
        session["count"] = sum(item["quantity"] for item in cart["items"])
        return cart

    def add(self, region: Region, variant: str, quantity: int) -> None:
        """Add a product.

        :raise Refused: there is not enough stock, or it is not for sale.
        """
        if self.current() is None:
            session["cart"] = self._medusa.post("carts", {"region_id": region.id})["cart"]["id"]
        self._change("post", "line-items", {"variant_id": variant, "quantity": quantity})

    def set_quantity(self, line: str, quantity: int) -> None:
        """Change a line's quantity.

        :raise Refused: there is not enough stock, or the cart has no such line.
        """
        if quantity:
            self._change("post", f"line-items/{line}", {"quantity": quantity})
        else:
            self._change("delete", f"line-items/{line}")

    def update(self, **fields: Any) -> None:
        """Set the cart's own fields, such as email and addresses.

        :raise Refused: one is invalid.
        """
        self._medusa.post(f"carts/{session['cart']}", fields)

    def shipping_options(self) -> list[Object]:
        """Return the cart's shipping options, cheapest first."""
        options = self._medusa.get("shipping-options", cart_id=session["cart"])["shipping_options"]
        return sorted(options, key=lambda option: option["amount"] or 0)

    def choose_shipping(self, option: str) -> None:
        """Choose a shipping option.

        :raise Refused: it is not one of the options.
        """
        self._medusa.post(f"carts/{session['cart']}/shipping-methods", {"option_id": option})

    def complete(self) -> Object | None:
        """Order the cart and return the order; calling it again returns the same one. None if there is no cart.

        :raise Refused: it can't be ordered as it is, for example because goods were sold meanwhile.
        """
        if "cart" not in session:
            return None
        answer = self._medusa.post(f"carts/{session['cart']}/complete", timeout=COMPLETE_SECONDS)
        if answer["type"] != "order":
            raise Refused(409, str((answer.get("error") or {}).get("message") or "The order could not be made."))
        self._forget()
        order: Object = answer["order"]
        return order

    def _forget(self) -> None:
        session.pop("cart", None)
        session.pop("count", None)

    def _change(self, method: str, path: str, *body: Object) -> None:
        getattr(self._medusa, method)(f"carts/{session['cart']}/{path}", *body)
        self.current()
