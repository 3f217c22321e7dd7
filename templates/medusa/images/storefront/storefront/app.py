"""The storefront as a Flask application."""

from __future__ import annotations

import os
from datetime import timedelta

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from . import assets, errors, security
from .config import Config, read
from .pages import cart, catalogue, checkout, health, orders
from .shop import open_shop


def create_app(config: Config | None = None) -> Flask:
    """Return the application, configured by the environment unless another configuration is given.

    :raise ConfigurationError: a required variable is missing.
    """
    config = config or read(os.environ)
    # /static is the backend's, for uploads.
    app = Flask(__name__, static_url_path="/assets")
    app.config.update(
        SECRET_KEY=config.secret_key,
        # With this prefix, a browser accepts the cookie from this host only, and not from a shop below the same domain.
        SESSION_COOKIE_NAME="__Host-shop" if config.https else "shop",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.https,
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        # As long as the session, so that a form left open overnight still works.
        WTF_CSRF_TIME_LIMIT=None,
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    CSRFProtect(app)
    shop = open_shop(config)
    for pages in (catalogue, cart, checkout, orders, health):
        app.register_blueprint(pages.blueprint(shop))
    app.jinja_env.globals.update(shop_title=config.title)
    app.jinja_env.filters.update(price=shop.writing.price, date=shop.writing.date)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    assets.add_to(app)
    security.add_to(app)
    errors.add_to(app)
    return app
