"""Derive values that only the holder of a key can compute."""

from __future__ import annotations

import hashlib
import hmac


def derive(key: bytes, *parts: str) -> str:
    """Return 48 hexadecimal digits derived from ``parts`` with the key (HMAC)."""
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:48]
