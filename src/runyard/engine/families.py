"""Where runs come from and what came of them, by any of the links between runs."""

from __future__ import annotations

import msgspec

from runyard.domain.records import Run
from runyard.engine.runs import find
from runyard.storage.port import Tx
from runyard.storage.statements import listing as sql
from runyard.storage.statements import runs as runs_sql

ANCESTORS = 20
FAMILY = 1000


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where runs come from and what came of them; `complete` unless there were more than `FAMILY`."""

    root: Run
    runs: list[Run]
    complete: bool


def lineage(tx: Tx, project_id: int, run_id: str) -> Lineage:
    """The run's family: from its first ancestor, level by level, oldest first in each. Raises `NotFound`."""
    root = _root(tx, find(tx, project_id, run_id))
    members = {root.id: None}  # in the order they were found
    level = [root.id]
    complete = True
    while level and complete:
        level = [one for one in sql.linked(tx, level, FAMILY) if one not in members]
        room = FAMILY - len(members)
        complete = len(level) <= room
        members |= dict.fromkeys(level[:room])
    runs = runs_sql.get(tx, list(members))
    return Lineage(
        root=root,
        runs=[runs[one] for one in members if one in runs and runs[one].project_id == project_id],
        complete=complete,
    )


def _root(tx: Tx, run: Run) -> Run:
    seen = {run.id}
    for _ in range(ANCESTORS):
        origin = run.parent_id or run.continuation_of or run.replay_of or run.retry_of
        if origin is None or origin in seen:
            return run
        above = runs_sql.get(tx, [origin]).get(origin)
        if above is None or above.project_id != run.project_id:
            return run
        seen.add(origin)
        run = above
    return run
