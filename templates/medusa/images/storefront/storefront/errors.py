"""Error pages for shoppers."""

from __future__ import annotations

from flask import Flask, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from .medusa import BackendUnavailable, Refused

UNAVAILABLE = (
    "The shop is taking a short break",
    "It can't be reached right now. Your cart is kept: try again in a moment.",
)
RETRY_SECONDS = "10"

Answer = tuple[str, int, dict[str, str]]


def add_to(app: Flask) -> None:
    """Give every error a page in the shop's own design."""

    @app.errorhandler(BackendUnavailable)
    def unavailable(error: BackendUnavailable) -> Answer:
        return page(503, *UNAVAILABLE, retry=True)

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Answer:
        return page(409, "That can't be done", str(error))

    @app.errorhandler(CSRFError)
    def form_too_old(error: CSRFError) -> Answer:
        return page(400, "This form is too old", "Go back, reload the page and send it again.")

    @app.errorhandler(404)
    def not_found(error: HTTPException) -> Answer:
        return page(404, "There is no such page", "What you are looking for may have been sold or moved.")

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Answer | HTTPException:
        if isinstance(error, HTTPException):
            return error
        app.logger.exception("a page broke")
        return page(500, "Something went wrong", "It is our fault, and we know of it now. Please try again later.")


def page(status: int, title: str, message: str, retry: bool = False) -> Answer:
    """Return an error's page; it contains nothing from the backend."""
    headers = {"Retry-After": RETRY_SECONDS} if retry else {}
    return render_template("error.html", title=title, message=message, retry=retry), status, headers
