"""Who calls: authority by the key, and no pages of other origins (contract §2, DESIGN §10)."""

from __future__ import annotations

from runyard.domain.errors import Forbidden
from runyard.streams.asgi import Scope
from runyard.web.auth import Identity, KeyAuth, header


class AghAuth:
    """Finds out who calls by their key; a browser's request must come from a page of this very server."""

    def __init__(self, keys: KeyAuth) -> None:
        self.keys = KeyAuth(keys.keyring, keys.find_project, dialect="agh", anonymous=keys.anonymous)

    async def __call__(self, scope: Scope) -> Identity:
        """Who calls. Raises `Unauthorized`, `Forbidden` or `NotFound`."""
        origin = header(scope, b"origin")
        if origin is not None and origin.partition("://")[2].lower() != (header(scope, b"host") or "").lower():
            raise Forbidden("pages of another origin may not call this; the Origin header must match the Host header")
        return await self.keys(scope)
