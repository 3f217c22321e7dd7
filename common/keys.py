"""Values that belong to a key: they can be derived with the key alone."""

from __future__ import annotations

import hashlib
import hmac


def derive(key: bytes, *parts: str) -> str:
    """48 hexadecimal digits that belong to ``parts``; they can't be derived without the key."""
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:48]
