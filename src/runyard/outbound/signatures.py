"""How what we send proves that it is from us: HMAC-SHA256 over the time and the body."""

from __future__ import annotations

import hashlib
import hmac


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at that time (unix seconds)."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(secret: str | None, body: bytes, seconds: int) -> list[tuple[str, str]]:
    """The headers that sign the body; none without a secret."""
    if secret is None:
        return []
    timestamp = str(seconds)
    return [("X-Strait-Timestamp", timestamp), ("X-Strait-Signature", signature(secret, timestamp, body))]
