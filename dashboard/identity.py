"""Read the facts from tokens that signing in needs, whoever issued them."""

from __future__ import annotations

import jwt


class NotConfirmed(Exception):
    """The issuer did not identify the user, or its answer is invalid."""


def expiry_of(token: str) -> float:
    """Return when a JWT expires, as Unix time; 0 if it has no expiry."""
    try:
        end = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except (jwt.PyJWTError, ValueError, RecursionError):
        return 0
    return float(end) if isinstance(end, int | float) and abs(end) < 1e15 else 0
