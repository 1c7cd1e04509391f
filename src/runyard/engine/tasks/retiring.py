"""Retention of tasks: what was closed long ago is taken away with its runs, what hangs lowest first.

The runs of a task are kept as long as the task, whatever they ended as. Those of tasks that are taken away are archived
like any others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runyard.artifacts.port import Blobs
from runyard.domain.actors import server
from runyard.domain.states import RunState
from runyard.domain.tasks import TaskStatus
from runyard.engine import archives, retention
from runyard.engine.retention import Cutoffs
from runyard.engine.tasks import deleting
from runyard.storage.port import Store, Tx
from runyard.storage.statements import task_deletions as sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements.retention import Claimed

BATCH = 20
_OUTCOMES = {
    RunState.COMPLETED: TaskStatus.COMPLETED,
    RunState.FAILED: TaskStatus.FAILED,
    RunState.CANCELED: TaskStatus.CANCELED,
}


def retire_once(store: Store, blobs: Blobs, before: Cutoffs, *, archive: bool = True, limit: int = BATCH) -> int:
    """One pass; how many tasks went. Safe in several servers at once: what two of them archive is archived twice."""
    closed = {status.value: before[state] for state, status in _OUTCOMES.items() if state in before}
    ids = store.look(sql.expired, closed, limit)
    if not ids:
        return 0
    runs = store.look(sql.ended_runs, ids)
    if archive and runs:
        archives.write(store, blobs, [Claimed(run_id, False, project_id, at) for run_id, project_id, at in runs])
    retention.take_away(store, blobs, [run_id for run_id, _, _ in runs])
    return store.transact(retire, ids, closed)


def retire(tx: Tx, ids: Sequence[str], before: Mapping[str, int]) -> int:
    """Delete those of the tasks that still may go; how many went."""
    taken = deleting.take(tx, list(tasks_sql.get(tx, ids).values()))
    going = [
        task
        for one in ids
        for task in (taken.get(one),)
        if task is not None
        and task.closed_at is not None
        and task.closed_at < before.get(task.status, 0)
        and not task.children
        and task.open_run_id is None
    ]
    deleting.remove(tx, taken, going, server("retention"))
    return len(going)
