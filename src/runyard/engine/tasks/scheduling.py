"""Whether a project's queued runs of tasks are handed out, and how many wait for it (AGH contract §21).

While the scheduler is paused claims find nothing and nobody is told that work waits; whatever is under way goes on.
"""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.eligibility import queue_of
from runyard.domain.task_sums import STAGES
from runyard.domain.tasks import Stage
from runyard.engine import classes
from runyard.engine.tasks import queueing, views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import schedulers as sql
from runyard.storage.statements import task_extremes as extremes_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import task_sums as sums_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements.schedulers import Scheduler
from runyard.storage.statements.task_sums import Where

_json = msgspec.json.Encoder()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the scheduler stands."""

    scheduler: Scheduler
    active: int
    """Runs that somebody has."""
    queued: int
    paused_tasks: int
    """Tasks that are paused themselves."""
    starved: int
    """Runs that were queued a while ago and that no pause holds up."""
    needs_attention: int
    as_of: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A queued run, and its task."""

    seen: Seen
    run: RunSeen


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """The first of what waits, and how much there is."""

    rows: list[Waiting]
    total: int


def status(tx: Tx, project_id: int) -> Standing:
    """How the project's scheduler stands."""
    counts = sql.run_counts(tx, project_id)
    since = tx.now - queueing.STARVES_AFTER
    kinds = sums_sql.runs(tx, Where(project_id=project_id)).kinds(Stage.QUEUED)
    starved = extremes_sql.queued_long(tx, project_id, kinds, since)
    return Standing(
        scheduler=sql.get(tx, project_id),
        active=active(counts),
        queued=counts[Stage.QUEUED],
        paused_tasks=sql.paused_tasks(tx, project_id),
        starved=starved - _paused(tx, project_id, None, queued_by=since) if starved else 0,
        needs_attention=counts[Stage.NEEDS_ATTENTION],
        as_of=tx.now,
    )


def active(counts: dict[str, int]) -> int:
    """How many runs somebody has, of sums by stage."""
    assert counts.keys() >= set(STAGES)
    return counts[Stage.CLAIMED] + counts[Stage.STARTING] + counts[Stage.RUNNING]


def remaining(tx: Tx, project_id: int) -> int:
    """How many runs somebody has."""
    return active(sql.run_counts(tx, project_id))


def pause(tx: Tx, project_id: int, by: Doer, reason: str | None = None, *, event: str = "scheduler.paused") -> Standing:
    """Hand out nothing until `resume`; done again it says who did so last, and why."""
    paused = Scheduler(
        project_id=project_id, paused_at=tx.now, paused_by=str(by.actor), paused_reason=reason, updated_at=tx.now
    )
    sql.put(tx, paused)
    journal(tx, project_id, event, by, reason=reason)
    return status(tx, project_id)


def drained(tx: Tx, project_id: int, by: Doer) -> Standing:
    """Note that a drain is over, with what is still under way; how the scheduler stands."""
    standing = status(tx, project_id)
    journal(tx, project_id, "scheduler.drain_completed", by, remaining=standing.active)
    return standing


def resume(tx: Tx, project_id: int, by: Doer) -> Standing:
    """Hand out what is queued; nothing happens when it is not paused."""
    if sql.get(tx, project_id).paused_at is not None:
        sql.put(tx, Scheduler(project_id=project_id, updated_at=tx.now))
        journal(tx, project_id, "scheduler.resumed", by)
        tx.wake(f"ready:{project_id}")
        tx.wake(f"executor:{queueing.EXECUTOR}")
    return status(tx, project_id)


def journal(tx: Tx, project_id: int, event: str, by: Doer, **said: object) -> None:
    """Write a line about the scheduler into the project's journal."""
    data = {name: value for name, value in said.items() if value is not None}
    tx.emit(JournalLine(project_id, None, event, str(by.actor), _json.encode(data).decode()))


def backlog(
    tx: Tx, project_id: int, workspace_id: str | None = None, *, paused: bool = False, limit: int = 50
) -> Backlog:
    """What is queued, in the order in which it is handed out; '' is of no workspace.

    Runs that a pause of their task holds up are left out unless they are asked for too.
    """
    queue = None if workspace_id is None else queue_of(workspace_id or None)
    ids = sql.backlog(tx, project_id, queue, paused=paused, n=limit)
    rows, runs = task_runs_sql.get(tx, ids), runs_sql.get(tx, ids)
    tasks = tasks_sql.get(tx, [row.task_id for row in rows.values()])
    seen = {one.task.id: one for one in views.see(tx, list(tasks.values()))}
    total = sql.run_counts(tx, project_id, workspace_id)[Stage.QUEUED]
    if not paused:
        total -= _paused(tx, project_id, queue, queued_by=tx.now)
    found = []
    for run_id in ids:
        row = rows[run_id]
        task = seen[row.task_id]
        found.append(Waiting(seen=task, run=RunSeen(run=runs[run_id], row=row, task=task.task)))
    return Backlog(rows=found, total=total)


def _paused(tx: Tx, project_id: int, queue: str | None, *, queued_by: int) -> int:
    known = classes.of_project(tx, project_id, queueing.EXECUTOR)
    return sql.paused_runs(tx, [one[0] for one in known if queue in (None, one[1])], queued_by=queued_by)
