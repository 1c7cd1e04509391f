"""Checks the tokens of callers (contract §10.1)."""

from __future__ import annotations

from typing import Literal

import jwt
import msgspec
from msgspec import Struct

from runyard.agent_server.launch import Launch, Mode

AUDIENCE = "posthog:sandbox_connection"
Code = Literal["invalid_token", "expired", "invalid_signature", "server_error"]


class TokenRefused(Exception):
    """The caller must come with another token; `code` says what is wrong with this one."""

    def __init__(self, message: str, code: Code) -> None:
        super().__init__(message)
        self.code = code


class Claims(Struct, frozen=True, kw_only=True):
    """Who calls, and for which run."""

    run_id: str
    task_id: str
    distinct_id: str
    team_id: int | float
    user_id: int | float
    exp: int | float
    mode: Mode = "interactive"


def claims(authorization: str | None, public_key: str) -> Claims:
    """What the token of an `Authorization` header says. Raises `TokenRefused`."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("Missing authorization header", "invalid_token")
    try:
        said = jwt.decode(
            token.strip(),
            public_key,
            algorithms=["RS256"],
            audience=AUDIENCE,
            # Whether there is an end is told with the other claims, below.
            options={"verify_iat": False, "verify_sub": False, "verify_jti": False, "require": []},
        )
        return msgspec.convert(said, Claims)
    except jwt.ExpiredSignatureError:
        raise TokenRefused("Token expired", "expired") from None
    except jwt.InvalidKeyError:
        raise TokenRefused("The server has no key to check tokens with", "server_error") from None
    except jwt.InvalidTokenError:
        raise TokenRefused("Invalid signature", "invalid_signature") from None
    except msgspec.ValidationError as error:
        raise TokenRefused(f"Missing required fields: {error}", "invalid_token") from None


def is_for(said: Claims, launch: Launch) -> bool:
    """Whether the token speaks of the run that is worked on here."""
    return (said.run_id, said.task_id, said.team_id) == (launch.run_id, launch.task_id, launch.project)
