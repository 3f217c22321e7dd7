"""The way from a cart to an order: address, shipping, payment."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from .. import payment
from ..errors import UNAVAILABLE
from ..forms import AddressForm
from ..medusa import BackendUnavailable, Object, Refused
from ..security import allow_form_targets
from ..shop import Shop

NOT_ORDERED = "The order could not be made. Something in your cart may be sold out by now: check it and try again."
NO_PROVIDER = "The payment provider can't be reached, and nothing was ordered. Your cart is kept: try again later."
NOT_PAID = "Your payment has not arrived, and nothing was ordered. Your cart is kept: try again, or choose another way."
CHANGED = "Your cart has changed since this page was shown, and nothing was ordered. Check the total and order again."

Page = str | Response | tuple[str, int]


def blueprint(shop: Shop) -> Blueprint:
    """Return one page per step; each shows what was entered in the previous ones."""
    pages = Blueprint("checkout", __name__, url_prefix="/checkout")

    @pages.get("")
    def address() -> Page:
        cart = _cart(shop)
        known = {**(cart.get("shipping_address") or {}), "email": cart.get("email")}
        form = _address_form(shop, data={name: value for name, value in known.items() if value})
        return render_template("checkout/address.html", cart=cart, form=form)

    @pages.post("")
    def take_address() -> Page:
        try:
            return _take_address(shop)
        except BackendUnavailable:
            # The page needs nothing from the backend, so the shopper's input is kept.
            form = AddressForm(request.form)
            form.country_code.choices = [(form.country_code.data, str(form.country_code.data).upper())]
            return render_template("checkout/address.html", cart=None, form=form, error=UNAVAILABLE[1]), 503

    @pages.get("/delivery")
    def delivery() -> Page:
        cart = _cart(shop)
        if not (cart.get("email") and cart.get("shipping_address")):
            return redirect(url_for("checkout.address"), 303)
        return _delivery_page(shop, cart)

    @pages.post("/delivery")
    def take_delivery() -> Page:
        cart = _cart(shop)
        try:
            shop.carts.choose_shipping(request.form.get("option", ""))
        except Refused:
            return _delivery_page(shop, cart, error="Choose how we deliver it."), 422
        return redirect(url_for("checkout.pay"), 303)

    @pages.get("/payment")
    def pay() -> Page:
        cart = _cart(shop)
        if not cart.get("shipping_methods"):
            return redirect(url_for("checkout.delivery"), 303)
        return _payment_page(shop, cart)

    @pages.post("/payment")
    def order() -> Page:
        cart = _cart(shop)
        chosen = [each for each in _providers(shop) if each.id == request.form.get("provider")]
        if not chosen:
            return _payment_page(shop, cart, error="Choose how you want to pay."), 422
        try:
            if (paid := _order_of_paid(shop, cart)) is not None:
                return _to_order(shop, paid)
            # It was changed in another tab. Only what the shopper has read is ordered.
            if request.form.get("total", str(cart["total"])) != str(cart["total"]):
                return _payment_page(shop, cart, error=CHANGED), 409
            if page := payment.begin(shop.medusa, cart, chosen[0], shop.config.title):
                return redirect(page, 303)
            made = shop.carts.complete()
        except Refused as error:
            current_app.logger.warning("cart %s was not ordered: %s", cart["id"], error)
            return _payment_page(shop, cart, error=NOT_ORDERED), 409
        except BackendUnavailable:
            if not (chosen[0].page or payment.begun(cart)):
                raise
            return _payment_page(shop, cart, error=NO_PROVIDER), 502
        return _to_order(shop, made)

    @pages.get("/paid")
    def paid() -> Page:
        """Handle the return from the payment provider's page. A payment that was not made can be tried again."""
        cart = _cart(shop)
        made = _order_of_paid(shop, cart)
        return _to_order(shop, made) if made else (_payment_page(shop, cart, error=NOT_PAID), 402)

    return pages


def _order_of_paid(shop: Shop, cart: Object) -> Object | None:
    """Return the order of a cart that was paid on a provider's page; None if it is not paid, or not yet."""
    if not payment.begun(cart):
        return None
    try:
        return shop.carts.complete()
    except Refused as error:
        current_app.logger.info("cart %s is not paid: %s", cart["id"], error)
        return None


def _take_address(shop: Shop) -> Page:
    cart = _cart(shop)
    form = _address_form(shop, formdata=request.form)
    if not form.validate():
        return render_template("checkout/address.html", cart=cart, form=form), 422
    try:
        shop.carts.update(email=form.email.data, shipping_address=form.address, billing_address=form.address)
    except Refused as error:
        return render_template("checkout/address.html", cart=cart, form=form, error=str(error)), 409
    return redirect(url_for("checkout.delivery"), 303)


def _cart(shop: Shop) -> Object:
    """Return the cart to check out.

    If there is none, redirect: to the cart, or to the order whose response got lost.
    """
    cart = shop.carts.current()
    if cart is None:
        abort(_to_order(shop, shop.carts.complete()))
    if not cart["items"]:
        abort(redirect(url_for("cart.show"), 303))
    return cart


def _to_order(shop: Shop, order: Object | None) -> Response:
    if order is None:
        return redirect(url_for("cart.show"), 303)
    return redirect(url_for("orders.show", reference=shop.orders.dumps(order["id"]), new=1), 303)


def _address_form(shop: Shop, **filled: object) -> AddressForm:
    form = AddressForm(**filled)
    form.country_code.choices = list(shop.regions.current().countries.items())
    return form


def _delivery_page(shop: Shop, cart: Object, error: str = "") -> str:
    chosen = [method["shipping_option_id"] for method in cart.get("shipping_methods") or []]
    options = shop.carts.shipping_options()
    return render_template("checkout/delivery.html", cart=cart, options=options, chosen=chosen, error=error)


def _payment_page(shop: Shop, cart: Object, error: str = "") -> str:
    providers = _providers(shop)
    allow_form_targets(each.page for each in providers if each.page)
    return render_template("checkout/payment.html", cart=cart, providers=providers, error=error)


def _providers(shop: Shop) -> list[payment.Provider]:
    return payment.providers(shop.medusa, shop.regions.current())
