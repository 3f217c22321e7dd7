"""The catalogue of products."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from .. import products
from ..medusa import Refused
from ..shop import Shop

TOO_MANY = "There are not that many left. Choose fewer."


def blueprint(shop: Shop) -> Blueprint:
    """Return the catalogue's pages and each product's page."""
    pages = Blueprint("catalogue", __name__)

    @pages.get("/")
    def index() -> str:
        text = request.args.get("q", "").strip()[:100]
        number = request.args.get("page", 1, type=int)
        if not 1 <= number <= 10_000:
            abort(404)
        page = products.find(shop.medusa, shop.regions.current(), text, number)
        if number > page.last:
            abort(404)
        return render_template("catalogue.html", page=page, text=text)

    @pages.get("/products/<handle>")
    def product(handle: str) -> str:
        return _product_page(shop, handle)

    @pages.post("/products/<handle>")
    def add(handle: str) -> Response | tuple[str, int]:
        variant = request.form.get("variant", "")
        quantity = request.form.get("quantity", 0, type=int)
        if not variant:
            return _product_page(shop, handle, error="Choose one first.", field="variant"), 422
        if not 1 <= quantity <= products.MOST_AT_ONCE:
            error = f"Choose a number from 1 to {products.MOST_AT_ONCE}."
            return _product_page(shop, handle, error=error, field="quantity"), 422
        try:
            shop.carts.add(shop.regions.current(), variant, quantity)
        except Refused:
            return _product_page(shop, handle, error=TOO_MANY, field="quantity"), 409
        session.permanent = True
        flash("It is in your cart.")
        return redirect(url_for("cart.show"), 303)

    return pages


def _product_page(shop: Shop, handle: str, error: str = "", field: str = "") -> str:
    product = products.get(shop.medusa, shop.regions.current(), handle)
    if product is None:
        abort(404)
    wished = request.form.get("variant") or next((v.id for v in product.variants if v.for_sale), "")
    quantity = request.form.get("quantity", "1")
    return render_template(
        "product.html", product=product, chosen=wished, quantity=quantity, error=error, error_field=field
    )
