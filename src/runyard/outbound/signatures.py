"""How what we send proves that it is from us: HMAC-SHA256 over the time and the body (and the id, if it has one)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at that time (unix seconds)."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def signed(secret: str | None, body: bytes, seconds: int) -> list[tuple[str, str]]:
    """The headers that sign the body; none without a secret."""
    if secret is None:
        return []
    timestamp = str(seconds)
    return [("X-Strait-Timestamp", timestamp), ("X-Strait-Signature", signature(secret, timestamp, body))]


def identified(keys: Sequence[bytes], message_id: str, body: bytes, seconds: int) -> list[tuple[str, str]]:
    """The headers that name and sign a message by the Standard Webhooks specification, with each of the keys."""
    content = f"{message_id}.{seconds}.".encode() + body
    signatures = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(seconds)),
        ("webhook-signature", " ".join(f"v1,{one}" for one in signatures)),
    ]
