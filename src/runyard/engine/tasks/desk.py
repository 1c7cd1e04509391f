"""Tasks taken in hand: locked, changed, and written together with all that follows from the change.

Locks are taken in one order, runs before tasks and both by id, which is the order in which a claim takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from runyard.domain import task_sums
from runyard.domain.errors import NotFound
from runyard.domain.moves import changed
from runyard.domain.records import Hold, Run
from runyard.domain.states import RunState
from runyard.domain.task_standing import settled
from runyard.domain.tasks import Task, TaskRun, TaskStatus, counted_as, task_key
from runyard.engine.ledger import wake
from runyard.engine.tasks import marks, notifying
from runyard.storage.port import Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as sql

SESSION = "session"
"""Who takes runs of tasks; those for others may be several at once, and nobody looks after them here."""
# In Python 3.11 a word that is asked of its class costs ten times as much as a name, and all moves come by here.
_COMPLETED, _BLOCKED = TaskStatus.COMPLETED, TaskStatus.BLOCKED
MOST_BELOW = 100_000
"""More tasks than this cannot hang below one: 64 children at each of seven levels are refused long before."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks locked by this transaction, and their open runs."""

    tasks: dict[str, Task]
    runs: dict[str, Run]
    """All that have not ended."""

    def run_of(self, task: Task) -> Run | None:
        """The task's run that has not ended."""
        return self.runs.get(task.open_run_id or "")


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks as they stand after a change, and which of them nothing blocks any more."""

    tasks: dict[str, Task]
    freed: list[Task]


def find(tx: Tx, project_id: int, task_id: str) -> Task:
    """The task, for reading. Raises `NotFound`."""
    return own(sql.get(tx, [task_id]) if "\0" not in task_id else {}, project_id, task_id)


def take(tx: Tx, project_id: int, task_id: str) -> tuple[Task, Run | None]:
    """The task and its open run, locked. Raises `NotFound`."""
    taken = take_all(tx, [find(tx, project_id, task_id).id])
    task = own(taken.tasks, project_id, task_id)
    return task, taken.run_of(task)


def take_all(tx: Tx, ids: Iterable[str]) -> Taken:
    """The tasks and their open runs, locked; unknown ones are absent."""
    wanted = sorted(set(ids))
    runs = runs_sql.lock(tx, expected) if (expected := task_runs_sql.open_ones(tx, wanted)) else {}
    tasks = sql.lock(tx, wanted)
    # A run that came while the tasks were waited for.
    late = sorted({task.open_run_id for task in tasks.values() if task.open_run_id} - runs.keys())
    if late:
        runs |= runs_sql.lock(tx, late)
    return Taken(tasks=tasks, runs=runs)


def below(tx: Tx, task: Task) -> list[Task]:
    """All tasks below this one, parents before their children."""
    return sql.below(tx, task.path, MOST_BELOW)


def own(found: dict[str, Task], project_id: int, task_id: str) -> Task:
    """The task among those that were found. Raises `NotFound`."""
    task = found.get(task_id)
    if task is None or task.project_id != project_id:
        raise NotFound(f"there is no task {task_id[:128]!r} in this project")
    return task


def write(tx: Tx, changes: Sequence[tuple[Task, Task]]) -> Written:
    """Write tasks this transaction has locked (before and after), their statuses, and what changes with these.

    That is: dependents, as long as any is completed or is so no longer; and whether queued runs may be claimed.
    """
    first = {before.id: before for before, _ in changes}
    now = {after.id: settled(after, tx.now) for _, after in changes}
    completed = {one for one, task in first.items() if task.status is _COMPLETED}
    ring = set(now)
    while turned := {one for one in ring if (now[one].status is _COMPLETED) != (one in completed)}:
        edges = sql.dependents(tx, sorted(turned))
        fresh = sql.lock(tx, [task_id for task_id, _ in edges if task_id not in now])
        first |= fresh
        now |= fresh
        completed |= {one for one, task in fresh.items() if task.status is _COMPLETED}
        completed ^= turned
        ring = {task_id for task_id, _ in edges if task_id in now}
        for task_id, depends_on in edges:
            task = now.get(task_id)
            if task is not None:
                by = -1 if depends_on in completed else 1
                now[task_id] = settled(msgspec.structs.replace(task, unmet=task.unmet + by), tx.now)
    for task_id, task in now.items():
        if task.status is not first[task_id].status:
            now[task_id] = msgspec.structs.replace(task, updated_at=tx.now, active_at=tx.now)
    pairs = [(first[one], now[one]) for one in sorted(now) if now[one] != first[one]]
    before, after = [was for was, _ in pairs], [task for _, task in pairs]
    sql.save(tx, before, after)
    recount(tx, before, after)
    marks.follow(tx, pairs)
    notifying.due(tx, [task for was, task in pairs if task.status is not was.status and task.is_closed])
    _rehold(tx, [one for was, one in pairs if one.is_blocked != was.is_blocked or one.paused_at != was.paused_at])
    return Written(tasks=now, freed=[task for was, task in pairs if was.status is _BLOCKED and not task.is_blocked])


def write_one(tx: Tx, before: Task, after: Task) -> Task:
    """`write` of one task; the task as it stands now."""
    return write(tx, [(before, after)]).tasks[before.id]


def touch(tx: Tx, ids: Iterable[str]) -> dict[str, Task]:
    """Let these tasks be the latest in which something happened; the tasks as they stand then, locked."""
    tasks = sql.lock(tx, sorted(set(ids)))
    return write(tx, [(task, msgspec.structs.replace(task, active_at=tx.now)) for task in tasks.values()]).tasks


def recount(tx: Tx, before: Sequence[Task], after: Sequence[Task]) -> None:
    """Count tasks as they are instead of as they were; made ones were not before, deleted ones are not after."""
    for key, added in task_sums.of_tasks(before, after).items():
        tx.tally(sql.SUMS, key, added)


def recount_runs(tx: Tx, before: Iterable[tuple[Task, TaskRun]], after: Iterable[tuple[Task, TaskRun]]) -> None:
    """Count runs, each with its task, as they are instead of as they were."""
    for key, added in task_sums.of_runs(before, after).items():
        tx.tally(sql.OF_RUNS, key, added)


def move_runs(tx: Tx, before: Task, after: Task) -> None:
    """Count the task's runs under what the task is now, when it is counted under something else than before."""
    if task_key(before) != task_key(after):
        rows = task_runs_sql.of_task(tx, before.id, after.attempts + 1)
        moved = [msgspec.structs.replace(row, counted=counted_as(task_sums.run_key(after, row))) for row in rows]
        task_runs_sql.save(tx, rows, moved)
        recount_runs(tx, [(before, row) for row in rows], [(after, row) for row in rows])


def paused_by(tx: Tx, tasks: Sequence[Task], *, keep: bool = False) -> dict[str, str]:
    """Which task holds each of these up, itself or the nearest above it that is paused; the others are absent.

    With `keep` it stays so until this transaction ends: who pauses a task above waits, and then finds what was queued.
    """
    above = sorted({one for task in tasks for one in task.ancestors})
    paused = sql.keep_paused(tx, above) if keep else sql.paused_among(tx, above)
    paused |= {task.id for task in tasks if task.paused_at is not None}
    found = {}
    for task in tasks:
        nearest = next((one for one in (task.id, *reversed(task.ancestors)) if one in paused), None)
        if nearest is not None:
            found[task.id] = nearest
    return found


def hold_of(task: Task, *, paused: bool) -> Hold | None:
    """What keeps the task's queued run from being claimed."""
    if paused:
        return "paused"
    return "blocked" if task.is_blocked else None


def _rehold(tx: Tx, tasks: Sequence[Task]) -> None:
    ids = task_runs_sql.queued_ones(tx, [task.id for task in tasks if task.open_run_id])
    if ids:
        rehold(tx, tasks, runs_sql.lock(tx, ids))


def rehold(tx: Tx, tasks: Iterable[Task], runs: dict[str, Run]) -> None:
    """Let queued runs of these tasks be claimed or not, as the tasks now stand; the runs are locked."""
    having = {run.task_id for run in runs.values()}
    held = {task.id: task for task in tasks if task.id in having}
    paused = paused_by(tx, list(held.values()), keep=True)
    before: list[Run] = []
    after: list[Run] = []
    for run in runs.values():
        task = held.get(run.task_id or "")
        if task is None or run.state is not RunState.QUEUED or run.hold not in (None, "paused", "blocked"):
            continue
        hold = hold_of(task, paused=task.id in paused)
        if run.hold != hold:
            before.append(run)
            after.append(changed(run, hold=hold, updated_at=tx.now))
    runs_sql.save(tx, before, after)
    _look_after(tx, [run for run in after if run.executor == SESSION])
    wake(tx, after)


def _look_after(tx: Tx, runs: Sequence[Run]) -> None:
    """Look after those of these queued runs, which are locked, that may be claimed now, and no more after others."""
    holds = {run.id: run.hold for run in runs}
    rows = list(task_runs_sql.get(tx, sorted(holds)).values())
    looks = [None if holds[row.run_id] is not None else row.queued_at for row in rows]
    task_runs_sql.save(
        tx, rows, [msgspec.structs.replace(row, look_at=at) for row, at in zip(rows, looks, strict=True)]
    )
