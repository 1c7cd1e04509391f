"""What a change of a run tells others: its line in the journal, and who is woken by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.storage.port import JournalLine, Tx

# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all moves come by here.
_QUEUED = RunState.QUEUED
_json = msgspec.json.Encoder()

CLOSE = 2_000_000
"""Deadlines nearer than this wake the timer, which otherwise looks about once a second."""


def wake(tx: Tx, runs_now: Sequence[Run]) -> None:
    """Wake claimers where work became ready, and the timer where a deadline is close."""
    for project_id, executor in {
        (run.project_id, run.executor) for run in runs_now if run.state is _QUEUED and run.hold is None
    }:
        tx.wake(f"ready:{project_id}")
        tx.wake(f"executor:{executor}")
    soon = tx.now + CLOSE
    if any(run.due_at is not None and run.due_at < soon for run in runs_now):
        tx.wake("timer")


def journal(tx: Tx, run: Run, event: str, actor: str | None, data: dict[str, Any]) -> None:
    """Append one line about the run to the journal."""
    tx.emit(JournalLine(run.project_id, run.id, event, actor, _json.encode(data).decode()))
