"""What opens the sandbox of a run to somebody: where it is, a token that says who comes, and its own token."""

from __future__ import annotations

from typing import Any

from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingSeen
from runyard.domain.errors import Invalid
from runyard.outbound.relay import Door
from runyard.storage.vault import Vault
from runyard.web.signed_tokens import SignedTokens

MODES = ("interactive", "background")


def purpose(run_id: str) -> str:
    """What the connect token of a run's sandbox is sealed for."""
    return f"sandbox:{run_id}"


def mode_of(seen: CodingSeen) -> str | None:
    """How the run's agent works, where its state says so."""
    said = _state(seen).get("mode")
    return said if said in MODES else None


async def door(seen: CodingSeen, *, signed: SignedTokens, vault: Vault, user_number: int, distinct_id: str) -> Door:
    """The way into the run's sandbox for this user. Raises `Invalid` when it has none, `Conflict` when it is sealed."""
    url = _state(seen).get("sandbox_url")
    if not isinstance(url, str) or not url.strip():
        raise Invalid("the run has no sandbox that commands could be sent to; it has not been started, or has ended")
    connect = None if seen.row.sealed is None else vault.open(seen.row.sealed, purpose(seen.run.id))
    token = await signed.connection(seen, user_number, distinct_id, mode=mode_of(seen))
    return Door(url=url.strip(), token=token, connect=connect)


def _state(seen: CodingSeen) -> dict[str, Any]:
    state = decoded(seen.row.state)
    return state if isinstance(state, dict) else {}
