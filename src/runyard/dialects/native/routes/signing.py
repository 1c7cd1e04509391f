"""The keys by which sandboxes know whom the server sends."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native.mapping.signing import connection_key_out
from runyard.dialects.native.wire.signing import ConnectionKey
from runyard.dialects.native.wire.values import Page
from runyard.domain.signing import CONNECTION
from runyard.engine import signing
from runyard.web.call import Call
from runyard.web.reply import Reply
from runyard.web.signed_tokens import SignedTokens

PEM = "application/x-pem-file"


def handlers(signed: SignedTokens) -> Sequence[HTTPRouteHandler]:
    """All routes of this module. What they show is public, so every key may see it."""

    @get("/v1/keys/connection.pem", produces=PEM)
    async def get_connection_key(call: Call, kid: str | None = None) -> Reply[str]:
        """The public key that tokens for sandboxes are checked by, as PEM: the one that signs now, or that of `kid`."""
        return Reply((await signed.public_pem(kid)).encode(), media_type=PEM)

    @get("/v1/keys/connection")
    async def list_connection_keys(call: Call) -> Page[ConnectionKey]:
        """The keys that sign tokens for sandboxes: the one that signs now, then those it took the place of."""
        return Page(data=[connection_key_out(key) for key in await signed.keys()])

    @post("/v1/keys/connection/rotate", needs="admin", status_code=201)
    async def rotate_connection_key(call: Call) -> Reply[ConnectionKey]:
        """Another key in the place of the one that signs; sandboxes that know the old one are still signed by it."""
        pair = await signed.pair()
        reply = await call.answer(connection_key_out, signing.rotate, CONNECTION, pair, actor=call.actor)
        # What this server signs next is signed by the new key, whenever it hears of the commit.
        signed.heard(frozenset({signing.TOPIC}))
        return reply

    return [get_connection_key, list_connection_keys, rotate_connection_key]
