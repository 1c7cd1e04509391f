"""Run tokens: JWTs (HS256) that let an executor report on one run only."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import Any

import jwt
import msgspec

from runyard.domain.errors import Unauthorized
from runyard.domain.records import Run
from runyard.engine.drafts import DEFAULT_TIMEOUT
from runyard.engine.proofs import Pass

ISSUER = "strait:run-token"
SPARE = 60
"""Seconds a token outlives the longest attempt."""
_UNTIMED: Any = {"verify_exp": False, "verify_iat": False}


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a run token says."""

    sub: str
    project: int
    iat: int
    exp: int
    iss: str = ISSUER
    attempt: int | None = None

    @property
    def proof(self) -> Pass:
        """The token as the engine knows it."""
        return Pass(attempt=self.attempt)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_json = msgspec.json.Encoder()
_HEAD = _base64(_json.encode({"alg": "HS256", "typ": "JWT"}))


class RunTokens:
    """Makes and reads run tokens under one signing key; `now` is the store's clock in microseconds."""

    def __init__(self, key: bytes, now: Callable[[], int]) -> None:
        self._key = key
        self._now = now

    def make(self, run: Run, *, attempt: int | None = None) -> str:
        """A token for the run: of one attempt (at dispatch) or of the run alone (at trigger).

        It is good until the run expires, and at least for a whole attempt from now.
        """
        now = self._now()
        timeout = run.policy.timeout or DEFAULT_TIMEOUT
        begins = max(now, run.available_at or now)
        until = max(run.expires_at or 0, begins + timeout + SPARE * 1_000_000)
        claims = Claims(
            sub=run.id, project=run.project_id, iat=now // 1_000_000, exp=-(-until // 1_000_000), attempt=attempt
        )
        said = {name: value for name, value in msgspec.structs.asdict(claims).items() if value is not None}
        # One is made for every attempt: signing here costs a tenth of what the library takes to look at the key anew.
        text = b".".join((_HEAD, _base64(_json.encode(said))))
        return b".".join((text, _base64(hmac.digest(self._key, text, "sha256")))).decode()

    def read(self, token: str) -> Claims:
        """What the token says. Raises `Unauthorized` when it is not ours or has expired."""
        try:
            # Expiry is ours to judge, by the store's clock.
            said = jwt.decode(token, self._key, algorithms=["HS256"], issuer=ISSUER, options=_UNTIMED)
            claims = msgspec.convert(said, Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
            raise Unauthorized("that is not a run token") from None
        if claims.exp * 1_000_000 <= self._now():
            raise Unauthorized("the run token has expired")
        return claims
