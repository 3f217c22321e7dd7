"""The cart: its products and their quantities."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..medusa import Refused
from ..products import MOST_AT_ONCE
from ..shop import Shop

MOST_OF_ONE = 10 * MOST_AT_ONCE


def blueprint(shop: Shop) -> Blueprint:
    """Return the cart's page, and changes of its lines."""
    pages = Blueprint("cart", __name__, url_prefix="/cart")

    @pages.get("")
    def show() -> str:
        return render_template("cart.html", cart=shop.carts.current(), errors={})

    @pages.post("/lines/<line>")
    def change(line: str) -> Response | tuple[str, int]:
        quantity = request.form.get("quantity", -1, type=int)
        if request.form.get("remove"):
            quantity = 0
        if not 0 <= quantity <= MOST_OF_ONE:
            return _with_error(line, f"Choose a number from 0 to {MOST_OF_ONE}."), 422
        try:
            shop.carts.set_quantity(line, quantity)
        except Refused:
            return _with_error(line, "There are not that many left. Choose fewer."), 409
        flash("Your cart is up to date." if quantity else "It was removed from your cart.")
        return redirect(url_for("cart.show"), 303)

    def _with_error(line: str, error: str) -> str:
        wished = request.form.get("quantity", "")
        return render_template("cart.html", cart=shop.carts.current(), errors={line: error}, wished=wished)

    return pages
