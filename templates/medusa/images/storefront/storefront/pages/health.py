"""Health checks for Kubernetes."""

from __future__ import annotations

from flask import Blueprint, render_template

from .. import products
from ..shop import Shop


def blueprint(shop: Shop) -> Blueprint:
    """Return liveness, which covers this process only, and readiness, which covers what a shopper needs."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def alive() -> str:
        return "ok"

    @pages.get("/readyz")
    def ready() -> str:
        page = products.find(shop.medusa, shop.regions.current(), "", 1)
        render_template("catalogue.html", page=page, text="")
        return "ok"

    return pages
