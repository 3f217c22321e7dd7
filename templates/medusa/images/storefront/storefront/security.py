"""Headers that tell a browser what these pages may do: nothing but show themselves."""

from __future__ import annotations

from flask import Flask, Response, request

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
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    # An order's address is known to its buyer alone.
    "Referrer-Policy": "same-origin",
}


def add_to(app: Flask) -> None:
    """Add the headers to every answer. Pages are one shopper's, so nobody keeps them."""

    @app.after_request
    def protect(answer: Response) -> Response:
        answer.headers.update(HEADERS)
        if request.endpoint not in ("static", "picture"):
            answer.cache_control.no_store = True
        return answer
