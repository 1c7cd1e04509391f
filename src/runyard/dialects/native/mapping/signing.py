"""Keys that sign tokens for sandboxes."""

from __future__ import annotations

from runyard.dialects.native.mapping.values import maybe_when, when
from runyard.dialects.native.wire.signing import ConnectionKey
from runyard.domain.signing import SigningKey
from runyard.web.signed_tokens import ALGORITHM


def connection_key_out(key: SigningKey) -> ConnectionKey:
    """A key on the wire, without its private half."""
    return ConnectionKey(
        id=key.id,
        algorithm=ALGORITHM,
        public_key=key.public,
        created_at=when(key.created_at),
        retired_at=maybe_when(key.retired_at),
    )
