"""Looking closely at a task or a run: where it stands, what is wrong, and what it waits for."""

from __future__ import annotations

import msgspec

from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskEvent
from runyard.domain.troubles import Finding, NextStep, Sight, findings, next_step
from runyard.engine.tasks import desk, details, held, views
from runyard.engine.tasks.details import Listed
from runyard.engine.tasks.views import RunSeen
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import schedulers as schedulers_sql
from runyard.storage.statements import session_work, task_events
from runyard.storage.statements import sessions as sessions_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements.schedulers import Scheduler

RECENT_RUNS = 5
RECENT_EVENTS = 10
COUNTED = 200
"""More active sessions than this are not counted."""


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it was looked at, or one of its runs."""

    task: Listed
    run: RunSeen | None
    """The run that was asked for, else the one that somebody has, else the latest."""
    session: Session | None
    """The session it is bound to; None as well when it is unknown."""
    recent: list[RunSeen]
    events: list[TaskEvent]
    """The newest lines of the timeline, newest first; when a run is looked at those about it."""
    scheduler: Scheduler
    findings: list[Finding]
    next: NextStep
    at: int


def task(tx: Tx, project_id: int, task_id: str) -> Inspection:
    """Look at a task. Raises `NotFound`."""
    return _look(tx, desk.find(tx, project_id, task_id), None)


def run(tx: Tx, project_id: int, run_id: str) -> Inspection:
    """Look at a run of a task. Raises `NotFound`."""
    seen = held.find(tx, project_id, run_id)
    return _look(tx, seen.task, seen)


def _look(tx: Tx, task: Task, asked: RunSeen | None) -> Inspection:
    recent = views.see_runs(tx, task, task_runs_sql.of_task(tx, task.id, RECENT_RUNS))
    # A run that has not ended is always the latest.
    current = asked or next(iter(recent), None)
    row = current.row if current is not None else None
    session_id = row.session_id if row is not None else None
    scheduler = schedulers_sql.get(tx, task.project_id)
    session = sessions_sql.get(tx, [session_id]).get(session_id) if session_id is not None else None
    sight = Sight(
        task=task,
        run=current.run if current is not None else None,
        row=row,
        session=session,
        recent=[one.row for one in recent],
        scheduler_paused=scheduler.paused_at is not None,
        sessions=session_work.count_active(tx, task.project_id, task.workspace_id, COUNTED),
        now=tx.now,
    )
    found = findings(sight)
    return Inspection(
        task=details.show(tx, [task])[0],
        run=current,
        session=session,
        recent=recent,
        events=_events(tx, task, asked),
        scheduler=scheduler,
        findings=found,
        next=next_step(sight, found),
        at=tx.now,
    )


def _events(tx: Tx, task: Task, asked: RunSeen | None) -> list[TaskEvent]:
    if asked is not None:
        return task_events.newest_of_run(tx, task.id, asked.run.id, RECENT_EVENTS)
    return task_events.newest_of_task(tx, task.id, before=FOREVER, n=RECENT_EVENTS)
