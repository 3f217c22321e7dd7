"""Headers that tell a browser what these pages may do: nothing but show themselves."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Flask, Response, g, request

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    # Pictures of goods may be wherever the owner's catalogue says.
    "img-src": "'self' https:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # An order's address is known to its buyer alone.
    "Referrer-Policy": "same-origin",
}


def allow_form_targets(origins: Iterable[str]) -> None:
    """Let the forms of the current request's page lead to these origins too, such as ``https://pay.example.com``.

    A browser holds a form's redirects to the policy of the page that the form is on.
    """
    g.form_targets = list(origins)


def add_to(app: Flask) -> None:
    """Add the headers to every answer. Pages are one shopper's, so nobody keeps them."""

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
