"""What opens the sandbox of a run to somebody: where it is, a token that says who comes, and its own token."""

from __future__ import annotations

from typing import Any

from runyard.domain.canonical import decoded
from runyard.domain.coding import ADDRESS, MODES, CodingSeen
from runyard.domain.errors import Conflict
from runyard.outbound.relay import Door
from runyard.storage.vault import Vault
from runyard.web.signed_tokens import SignedTokens

EVENTS = "/posthog/api/projects/{project}/tasks/{task}/runs/{run}/event_stream/"
"""Where a sandbox sends its events, below the address of the server."""


def purpose(run_id: str) -> str:
    """What the connect token of a run's sandbox is sealed for."""
    return f"sandbox:{run_id}"


def mode_of(seen: CodingSeen) -> str | None:
    """How the run's agent works, where its state says so."""
    said = _state(seen).get("mode")
    return said if said in MODES else None


def address(seen: CodingSeen) -> str | None:
    """Where the run's sandbox is, while it has one."""
    url = _state(seen).get(ADDRESS)
    return url.strip() or None if isinstance(url, str) else None


def events_address(origin: str, seen: CodingSeen) -> str:
    """Where the run's sandbox sends its events; `origin` is the address of the server."""
    return origin + EVENTS.format(project=seen.run.project_id, task=seen.row.task_id, run=seen.run.id)


async def door(seen: CodingSeen, *, signed: SignedTokens, vault: Vault, user_number: int, distinct_id: str) -> Door:
    """The way into the run's sandbox for this user. Raises `Conflict` when it has none that can be opened."""
    url = address(seen)
    if url is None:
        raise Conflict("the run has no sandbox that commands could be sent to; it has not been started, or has ended")
    connect = None if seen.row.sealed is None else vault.open(seen.row.sealed, purpose(seen.run.id))
    token = await signed.connection(seen, user_number, distinct_id, mode=mode_of(seen))
    return Door(url=url, token=token, connect=connect)


def _state(seen: CodingSeen) -> dict[str, Any]:
    state = decoded(seen.row.state)
    return state if isinstance(state, dict) else {}
