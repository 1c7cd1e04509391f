"""Keys that sign tokens for sandboxes."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ConnectionKey(msgspec.Struct, kw_only=True):
    """A key pair that signs tokens for sandboxes; the private key never leaves the server."""

    id: str
    """What tokens name it by (`kid`)."""
    algorithm: str
    public_key: str
    """SubjectPublicKeyInfo, PEM."""
    created_at: datetime
    retired_at: datetime | None
    """When another took its place. It still signs for sandboxes that were opened before, and is forgotten after 30
    days."""
