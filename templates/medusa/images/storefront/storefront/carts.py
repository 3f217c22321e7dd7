"""A shopper's cart: Medusa keeps it, the shopper's session its id."""

from __future__ import annotations

from typing import Any

from flask import session

from .medusa import Medusa, Object, Refused
from .regions import Region

COMPLETE_SECONDS = 20  # an order is the one thing worth waiting for
# In addition to what Medusa returns by default.
FIELDS = (
    "+items.variant.title,+items.product.handle,*shipping_methods,*payment_collection,"
    "*payment_collection.payment_sessions,+completed_at"
)


class Carts:
    """The cart of the session at hand."""

    def __init__(self, medusa: Medusa) -> None:
        self._medusa = medusa

    def current(self) -> Object | None:
        """The session's cart, None where it has none, it is gone, or an order was made of it."""
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
        """:raise Refused: there are not so many, or it is not for sale."""
        if self.current() is None:
            session["cart"] = self._medusa.post("carts", {"region_id": region.id})["cart"]["id"]
        self._change("post", "line-items", {"variant_id": variant, "quantity": quantity})

    def set_quantity(self, line: str, quantity: int) -> None:
        """:raise Refused: there are not so many, or the cart has no such line."""
        if quantity:
            self._change("post", f"line-items/{line}", {"quantity": quantity})
        else:
            self._change("delete", f"line-items/{line}")

    def update(self, **fields: Any) -> None:
        """Set the cart's own fields, such as email and addresses. :raise Refused: one is wrong."""
        self._medusa.post(f"carts/{session['cart']}", fields)

    def shipping_options(self) -> list[Object]:
        """The ways that the cart can be sent, the cheapest first."""
        options = self._medusa.get("shipping-options", cart_id=session["cart"])["shipping_options"]
        return sorted(options, key=lambda option: option["amount"] or 0)

    def choose_shipping(self, option: str) -> None:
        """:raise Refused: it is none of the options."""
        self._medusa.post(f"carts/{session['cart']}/shipping-methods", {"option_id": option})

    def complete(self) -> Object | None:
        """Make an order of the cart and return it; a second time gives the same one. None where there is no cart.

        :raise Refused: it can't be ordered as it is, such as when what is in it was sold meanwhile.
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
