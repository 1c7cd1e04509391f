"""What becomes of runs of tasks, in short verbs."""

from __future__ import annotations

from runyard.domain.sessions import Session
from runyard.domain.tasks import Task, TaskRun
from runyard.engine.tasks import depending, operating
from tests.support.yard import PERSON, Yard


def begin(yard: Yard, row: TaskRun, session: Session | None = None) -> None:
    """Let somebody work on the run, in this session or in one of its own."""
    yard.store.transact(operating.claim, yard.project_id, row.run_id, PERSON)
    if session is not None:
        yard.store.transact(operating.attach, yard.project_id, row.run_id, session.id, PERSON)
    yard.store.transact(operating.start, yard.project_id, row.run_id, PERSON)


def finish(yard: Yard, row: TaskRun) -> None:
    """Let the run be done."""
    begin(yard, row)
    yard.store.transact(operating.complete, yard.project_id, row.run_id, PERSON)


def fail(yard: Yard, row: TaskRun) -> None:
    """Let the run fail."""
    begin(yard, row)
    yard.store.transact(operating.fail, yard.project_id, row.run_id, PERSON, error="it broke")


def depend(yard: Yard, task: Task, other: Task) -> Task:
    """Let the task wait for the other one."""
    return yard.store.transact(depending.add, yard.project_id, task.id, other.id, PERSON)


def types(yard: Yard, task: Task | str) -> list[str]:
    """The kinds of the lines of a timeline."""
    return [line.type for line in yard.timeline(task)]
