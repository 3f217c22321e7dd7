"""Values that belong to a key: who has the key can tell them, and nobody else."""

from __future__ import annotations

import hashlib
import hmac


def derive(key: bytes, *parts: str) -> str:
    """48 hexadecimal digits that belong to ``parts``; who has not the key can't tell them."""
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:48]
