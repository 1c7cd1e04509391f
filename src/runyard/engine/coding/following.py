"""What a run's move does to its coding task, and who hears of it."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.coding import CodingSeen
from runyard.domain.records import Move
from runyard.domain.states import LEASED
from runyard.engine.coding import news, telling
from runyard.storage.port import Tx
from runyard.storage.statements import approvals
from runyard.storage.statements import coding_runs as sql
from runyard.storage.statements import coding_tasks as tasks_sql

STEP = "step"
"""In the data of a move: it is one of several that are made together, and not the last."""


def follow(tx: Tx, moves: Sequence[Move]) -> None:
    """Note how coding runs stand that moved, and tell those who follow them."""
    rows = sql.get(tx, [one.after.id for one in moves])
    moved = [(one, rows[one.after.id]) for one in moves if one.after.id in rows and not one.data.get(STEP)]
    if not moved:
        return
    tasks_sql.set_latest_state(tx, [(row.task_id, row.run_id, one.after.state) for one, row in moved])
    for one, row in moved:
        news.tell(tx, CodingSeen(run=one.after, row=row))
    telling.due(tx, [one.after for one, _ in moved])
    left = [one.after.id for one, _ in moved if one.before.state in LEASED and one.after.state not in LEASED]
    if left:
        # The agents that asked for leave are gone, or soon will be.
        approvals.cancel(tx, left)
