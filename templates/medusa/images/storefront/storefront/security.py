"""Security headers: what a browser may do with these pages."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Flask, Response, g, request

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    # Pictures of goods may be at any address that the owner's catalogue contains.
    "img-src": "'self' https:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # An order's address must stay known to its buyer only.
    "Referrer-Policy": "same-origin",
}


def allow_form_targets(origins: Iterable[str]) -> None:
    """Allow forms of the current page to lead to these origins too, such as ``https://pay.example.com``.

    A browser checks redirects of a form against the policy of the page that contains it.
    """
    g.form_targets = list(origins)


def add_to(app: Flask) -> None:
    """Add the headers to every response. Pages belong to one shopper, so they must not be cached."""

    @app.after_request
    def protect(answer: Response) -> Response:
        answer.headers.update(HEADERS)
        answer.headers["Content-Security-Policy"] = _policy(g.get("form_targets", []))
        if request.endpoint not in ("static", "picture"):
            answer.cache_control.no_store = True
        return answer


def _policy(form_targets: list[str]) -> str:
    policy = {**POLICY, "form-action": " ".join([POLICY["form-action"], *form_targets])}
    return "; ".join(f"{name} {value}" for name, value in policy.items())
