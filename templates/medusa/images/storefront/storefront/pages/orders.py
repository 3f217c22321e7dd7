"""An order's page, and how a buyer gets back to it."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..forms import LookupForm
from ..medusa import Object, Refused
from ..shop import Shop

PREFIX = "order_"
# Medusa's states of an order, in a buyer's words; others are shown unchanged.
WORDS = {
    "not_paid": "Not paid yet",
    "awaiting": "Not paid yet",
    "authorized": "Agreed, not paid yet",
    "captured": "Paid",
    "refunded": "Paid back",
    "partially_refunded": "Partly paid back",
    "canceled": "Cancelled",
    "not_fulfilled": "Being prepared",
    "fulfilled": "Packed",
    "shipped": "On the way",
    "delivered": "Delivered",
}
NONE = "There is no order with that reference and e-mail. Check them against your confirmation."


def blueprint(shop: Shop) -> Blueprint:
    """Return an order's page, at an address that only its buyer has; reference and e-mail lead back to it."""
    pages = Blueprint("orders", __name__, url_prefix="/orders")

    @pages.get("")
    def lookup() -> str:
        return render_template("lookup.html", form=LookupForm())

    @pages.post("")
    def find() -> Response | tuple[str, int]:
        form = LookupForm(request.form)
        if not form.validate():
            return render_template("lookup.html", form=form), 422
        order = _order(shop, PREFIX + str(form.reference.data).upper().removeprefix(PREFIX.upper()))
        if order is None or order["email"].lower() != str(form.email.data).lower():
            return render_template("lookup.html", form=form, error=NONE), 404
        return redirect(url_for("orders.show", reference=shop.orders.dumps(order["id"])), 303)

    @pages.get("/<reference>")
    def show(reference: str) -> str:
        known = shop.order_of(reference)
        order = _order(shop, known) if known else None
        if order is None:
            abort(404)
        number = order["id"].removeprefix(PREFIX)
        payment, new = _payment(order), bool(request.args.get("new"))
        return render_template("order.html", order=order, number=number, payment=payment, words=WORDS, new=new)

    return pages


def _payment(order: Object) -> str:
    """Return the state of an order's payment, without payments that were paid back before it was ordered."""
    status = str(order["payment_status"])
    before = status == "partially_refunded" and not (order.get("summary") or {}).get("refunded_total")
    return "captured" if before else status


def _order(shop: Shop, order: str) -> Object | None:
    if not order.replace("_", "").isalnum():
        return None
    try:
        found: Object = shop.medusa.get(f"orders/{order}")["order"]
    except Refused:
        return None
    return found
