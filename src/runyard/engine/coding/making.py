"""Runs made in the state that whoever made them says they are in."""

from __future__ import annotations

from runyard.domain.actors import Doer
from runyard.domain.coding import CodingSeen
from runyard.domain.states import RunState
from runyard.engine.coding import changes, runs
from runyard.engine.coding.changes import Change
from runyard.engine.coding.runs import NewCodingRun
from runyard.storage.port import Tx


def create_in(
    tx: Tx,
    project_id: int,
    task_id: str,
    new: NewCodingRun,
    by: Doer,
    *,
    state: RunState | None = None,
    trusted: bool = False,
) -> CodingSeen:
    """`runs.create`, brought into a state of `domain.coding.WANTED` at once. Raises `NotFound` and `TooLarge`."""
    seen = runs.create(tx, project_id, task_id, new, by, trusted=trusted)
    if state is None:
        return seen
    return changes.change(tx, project_id, task_id, seen.run.id, Change(state=state), by)
