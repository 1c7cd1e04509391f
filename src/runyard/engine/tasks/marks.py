"""Keeping what was seen of tasks as the tasks move on.

How a record stands (still read, out of sight, or unread again) depends on the task's latest activity, and where it
counts depends on the task's lane and owner. An inbox could find that out as it is looked at; but then it would have to
look at every record its owner ever made, of which there may be as many as tasks. So each record says it by itself,
indexed and summed, and the transaction that moves a task brings the task's records up to date. That costs nothing on
the way of a claim: `tasks.triaged` tells whether there are records at all, and most tasks have none. Whoever writes a
record or a task holds the task's lock, so neither misses the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.inbox import Triage, placed, triage_key, triage_tally
from runyard.domain.tasks import Task
from runyard.storage.port import Tx
from runyard.storage.statements import triage as sql


def follow(tx: Tx, changes: Sequence[tuple[Task, Task]]) -> None:
    """Bring the records of tasks that were changed up to date (before and after); the tasks are locked."""
    moved = {after.id: after for before, after in changes if before.triaged and _place(before) != _place(after)}
    records = sql.of_tasks(tx, list(moved))
    if records:
        put(tx, [(record, placed(record, moved[record.task_id])) for record in records])


def put(tx: Tx, changes: Sequence[tuple[Triage | None, Triage]]) -> None:
    """Write records of locked tasks (before, where there was one, and after), and count them."""
    sql.save(tx, [after for _, after in changes])
    for before, after in changes:
        _count(tx, before, -1)
        _count(tx, after, 1)


def forget(tx: Tx, task: Task) -> None:
    """Forget what anybody has seen of a task that goes away."""
    if task.triaged:
        for record in sql.of_tasks(tx, [task.id]):
            _count(tx, record, -1)
        sql.delete(tx, [task.id])


def _count(tx: Tx, record: Triage | None, sign: int) -> None:
    if record is not None:
        tx.tally(sql.SUMS, triage_key(record), tuple(sign * part for part in triage_tally(record)))


def _place(task: Task) -> tuple[object, ...]:
    return task.active_at, task.lane, task.owner_kind, task.owner_ref, task.counted, task.priority
