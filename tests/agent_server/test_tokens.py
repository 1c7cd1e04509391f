"""Who may call (contract §10.1)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from runyard.agent_server.tokens import TokenRefused, claims, is_for
from tests.agent_server.conftest import Keys, made
from tests.agent_server.plane import RUN


def refused(header: str | None, keys: Keys) -> str:
    with pytest.raises(TokenRefused) as caught:
        claims(header, keys.pem)
    return caught.value.code


def test_a_token_of_the_control_plane_is_taken(keys: Keys, tmp_path: Path) -> None:
    said = claims(f"Bearer {keys.token()}", keys.pem)
    assert said.mode == "interactive"
    assert is_for(said, made(keys, tmp_path))
    assert claims(f"bearer {keys.token(mode='background')}", keys.pem).mode == "background"


@pytest.mark.parametrize("changes", [{"run_id": "another"}, {"task_id": "another"}, {"team_id": 8}])
def test_a_token_for_something_else_is_not_for_us(keys: Keys, tmp_path: Path, changes: dict[str, Any]) -> None:
    assert not is_for(claims(f"Bearer {keys.token(**changes)}", keys.pem), made(keys, tmp_path))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": int(time.time()) - 10}, "expired"),
        ({"exp": None}, "invalid_token"),
        ({"aud": "posthog:sandbox_event_ingest"}, "invalid_signature"),
        ({"aud": None}, "invalid_signature"),
        ({"run_id": None}, "invalid_token"),
        ({"team_id": "7"}, "invalid_token"),
        ({"distinct_id": 3}, "invalid_token"),
        ({"mode": "other"}, "invalid_token"),
        ({"iat": int(time.time()) + 500}, None),
    ],
)
def test_claims_are_checked(keys: Keys, changes: dict[str, Any], code: str | None) -> None:
    header = f"Bearer {keys.token(**changes)}"
    if code is None:
        assert claims(header, keys.pem).run_id == RUN
    else:
        assert refused(header, keys) == code


def test_what_is_no_token_of_ours_is_refused(keys: Keys) -> None:
    token = keys.token()
    head, body, signature = token.split(".")
    assert refused(None, keys) == "invalid_token"
    assert refused("Basic abc", keys) == "invalid_token"
    assert refused("Bearer ", keys) == "invalid_token"
    assert refused("Bearer nonsense", keys) == "invalid_signature"
    assert refused(f"Bearer {head}.{body}.{signature[:-4]}AAAA", keys) == "invalid_signature"
    assert refused(f"Bearer {Keys().token()}", keys) == "invalid_signature"
    said = jwt.decode(token, options={"verify_signature": False})
    # The public key as the secret of another algorithm, and none at all.
    assert refused(f"Bearer {jwt.encode(said, 'x' * 32, 'HS256')}", keys) == "invalid_signature"
    assert refused(f"Bearer {jwt.encode(said, '', 'none')}", keys) == "invalid_signature"
    with pytest.raises(TokenRefused) as caught:
        claims(f"Bearer {token}", "no key")
    assert caught.value.code == "server_error"
