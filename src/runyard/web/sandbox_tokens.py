"""Sandbox tokens: what an agent in a sandbox calls the server with, good for its own run and what its task shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import msgspec

from runyard.domain.errors import Unauthorized

AUDIENCE = "runyard:sandbox"
_UNTIMED: Any = {"verify_exp": False, "verify_iat": False}


class Confined(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox token says: whose run it is, and until when (seconds)."""

    run: str
    task: str
    project: int
    exp: int
    aud: str = AUDIENCE


class SandboxTokens:
    """Makes and reads sandbox tokens under one signing key; `now` is the store's clock in microseconds."""

    def __init__(self, key: bytes, now: Callable[[], int]) -> None:
        self._key = key
        self._now = now

    def make(self, project_id: int, task_id: str, run_id: str, *, seconds: int) -> str:
        """A token for the run that is good for so many seconds."""
        until = self._now() // 1_000_000 + seconds
        claims = Confined(run=run_id, task=task_id, project=project_id, exp=until)
        return jwt.encode(msgspec.to_builtins(claims), self._key, algorithm="HS256")

    @staticmethod
    def looks_so(text: str) -> bool:
        """Whether the text can be such a token; keys cannot."""
        return text.startswith("eyJ") and text.count(".") == 2

    def read(self, text: str) -> Confined:
        """What the token says. Raises `Unauthorized` when it is not ours or has expired."""
        try:
            said = jwt.decode(text, self._key, algorithms=["HS256"], audience=AUDIENCE, options=_UNTIMED)
            claims = msgspec.convert(said, Confined)
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
            raise Unauthorized("that is not a token of a sandbox") from None
        if claims.exp * 1_000_000 <= self._now():
            raise Unauthorized("the token of the sandbox has expired")
        return claims
