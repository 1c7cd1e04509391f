"""Signed tokens (RS256): by them agents in sandboxes know that the server sent somebody, and the server knows them.

An agent is given the public key when its sandbox is opened and asks nobody afterwards; so a run stays with the key that
its sandbox knows, and all others are signed by the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runyard.domain.canonical import decoded
from runyard.domain.coding import KID, CodingSeen
from runyard.domain.errors import NotFound, Unauthorized
from runyard.domain.signing import CONNECTION, LONGEST_LIFE, Pair, SigningKey
from runyard.engine import signing
from runyard.storage.port import Store
from runyard.storage.vault import Vault

TO_CONNECT = "posthog:sandbox_connection"
TO_INGEST = "posthog:sandbox_event_ingest"
"""The audiences of tokens: whoever talks to a sandbox, and a sandbox that tells what happens in it."""
CONNECTION_SECONDS = 24 * 3600
ALGORITHM = "RS256"
BITS = 2048
_SEALED = "signing keys"
_SECOND = 1_000_000
_UNTIMED: Any = {"verify_exp": False, "verify_iat": False}


def expiry(token: str) -> int:
    """Until when a token that was made here is good, in microseconds."""
    return int(jwt.decode(token, options={"verify_signature": False})["exp"]) * _SECOND


class Known(msgspec.Struct, frozen=True):
    """A key pair as it is used."""

    key: SigningKey
    private: rsa.RSAPrivateKey
    public: Any


class SignedTokens:
    """Makes and reads signed tokens; the key pair is made with the first, once for all servers on the database.

    To make a pair takes some 70 ms of computing once, which is more than a server should spend at its start on what it
    may never need.
    """

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._known: Mapping[str, Known] = {}
        self._generation = 0
        self._making = asyncio.Lock()

    def heard(self, topics: frozenset[str]) -> None:
        """Forget the keys when a commit changed them; a store listener."""
        if signing.TOPIC in topics or "*" in topics:
            self._generation += 1
            self._known = {}

    async def connection(
        self, run: CodingSeen, user_number: int, distinct_id: str, *, mode: str | None = None, kid: str | None = None
    ) -> str:
        """A token by which the agent in the run's sandbox lets somebody in for a day, as this user.

        It is signed by the key of that id, or else by the one that the run's state names.
        """
        claims: dict[str, Any] = {
            "run_id": run.run.id,
            "task_id": run.row.task_id,
            "team_id": run.run.project_id,
            "user_id": user_number,
            "distinct_id": distinct_id,
        }
        if mode is not None:
            claims["mode"] = mode
        if kid is None:
            state = decoded(run.row.state)
            kid = state.get(KID) if isinstance(state, dict) else None
        return await self._signed(claims, TO_CONNECT, CONNECTION_SECONDS, kid=kid)

    async def ingest(self, project_id: int, task_id: str, run_id: str, *, seconds: int) -> str:
        """A token by which the run's sandbox may tell its events for so many seconds, 30 days at most."""
        claims = {"run_id": run_id, "task_id": task_id, "team_id": project_id}
        return await self._signed(claims, TO_INGEST, min(seconds, LONGEST_LIFE // _SECOND))

    async def read(self, token: str, audience: str) -> dict[str, Any]:
        """What the token says. Raises `Unauthorized` when it is not ours, for another audience, or has expired."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            known = await self._found(kid) if isinstance(kid, str) else None
            if known is None:
                raise Unauthorized("the token was signed by a key that is not known here")
            claims: dict[str, Any] = jwt.decode(
                token, known.public, algorithms=[ALGORITHM], audience=audience, options=_UNTIMED
            )
        except (jwt.InvalidTokenError, ValueError):
            raise Unauthorized("the token was not signed here, or not for this") from None
        until = claims.get("exp")
        if not isinstance(until, int) or until * _SECOND <= self._store.now():
            raise Unauthorized("the token has expired")
        return claims

    async def kid(self) -> str:
        """The id of the key that signs for sandboxes opened now."""
        return next(iter(await self._keys()))

    async def public_pem(self, kid: str | None = None) -> str:
        """The public key as PEM: of that id, or the one of sandboxes opened now. Raises `NotFound`."""
        known = await self._found(await self.kid() if kid is None else kid)
        if known is None:
            raise NotFound(f"there is no signing key {(kid or '')[:64]!r}; a retired one is forgotten after 30 days")
        return known.key.public

    async def keys(self) -> list[SigningKey]:
        """The keys, newest first; the first signs."""
        return [known.key for known in (await self._keys()).values()]

    async def pair(self) -> Pair:
        """A new key pair to keep, made beside the event loop: it takes a while."""
        return await asyncio.to_thread(self._pair)

    async def _signed(self, claims: dict[str, Any], audience: str, seconds: int, *, kid: Any = None) -> str:
        keys = await self._keys()
        # The key of a sandbox that was opened long ago may be gone; then no token will be good there.
        known = keys.get(kid) if isinstance(kid, str) else None
        known = known or next(iter(keys.values()))
        # Without `iat`: an agent whose clock is a second behind would take it for a token of the future.
        said = {**claims, "exp": self._store.now() // _SECOND + seconds, "aud": audience}
        return jwt.encode(said, known.private, algorithm=ALGORITHM, headers={"kid": known.key.id})

    async def _found(self, kid: str) -> Known | None:
        """The key of that id; one that another server made a moment ago too."""
        known = (await self._keys()).get(kid)
        if known is None:
            known = (await self._read()).get(kid)
        if known is None or known.key.retired_at is None:
            return known
        return known if known.key.retired_at + LONGEST_LIFE > self._store.now() else None

    async def _keys(self) -> Mapping[str, Known]:
        """The keys by id, newest first."""
        if self._known:
            return self._known
        async with self._making:
            found = self._known or await self._read()
            if not found:
                found = self._opened(await self._store.write(signing.ensure, CONNECTION, await self.pair()))
            return found

    async def _read(self) -> Mapping[str, Known]:
        generation = self._generation
        found = self._opened(await self._store.read(signing.keys, CONNECTION))
        if generation == self._generation:
            self._known = found
        return found

    def _opened(self, keys: list[SigningKey]) -> Mapping[str, Known]:
        return {key.id: self._open(key) for key in keys}

    def _open(self, key: SigningKey) -> Known:
        known = self._known.get(key.id)
        if known is not None:
            return Known(key, known.private, known.public)
        # What the vault opens is as it was sealed: to check once more that it is a key takes as long as to make one.
        private = serialization.load_pem_private_key(
            self._vault.open(key.sealed, _SEALED).encode(), None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(private, rsa.RSAPrivateKey)
        return Known(key, private, private.public_key())

    def _pair(self) -> Pair:
        private = rsa.generate_private_key(65537, BITS)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return Pair(sealed=self._vault.seal(pem.decode(), _SEALED), public=public.decode())
