"""What follows from commands that agents were sent."""

from __future__ import annotations

from typing import Any

from runyard.domain.actors import Doer
from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingSeen
from runyard.engine.coding import changes, runs
from runyard.engine.coding.changes import Change
from runyard.storage.port import Tx

AWAITED, PENDING = "await_user_message", "pending_user_message"
"""What the shared state says of a message that is waited for, and how the names begin of what it keeps of one."""


def is_awaited(state: dict[str, Any]) -> bool:
    """Whether a message is waited for, or kept until the agent can take it."""
    return any(_is_of_message(name) for name in state)


def delivered(tx: Tx, before: CodingSeen, by: Doer) -> None:
    """A message reached the run's agent: what the state said of one then is taken away.

    What was written meanwhile stays: it is of another message. Raises `NotFound`.
    """
    run, row = before.run, before.row
    seen = runs.take(tx, run.project_id, row.task_id, run.id)
    now, old = decoded(seen.row.state), decoded(row.state)
    gone = tuple(name for name in old if _is_of_message(name) and name in now and now[name] == old[name])
    if gone:
        changes.change(tx, run.project_id, row.task_id, run.id, Change(removed=gone), by)


def _is_of_message(name: str) -> bool:
    return name == AWAITED or name.startswith(PENDING)
