"""Tasks with what belongs to them: the run that is open, what they wait for, their children, runs and timeline."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.tasks import MAX_ATTEMPTS, MAX_CHILDREN, Stage, Task, TaskEvent
from runyard.engine.tasks import desk, views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import task_events as events_sql
from runyard.storage.statements import task_lists as sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql

MOST_EVENTS = 10_000
"""Lines of a timeline that a detail shows at most, the newest; the timeline itself has all of them."""
LONGEST = 16 << 20
"""How much text these lines may hold together."""
SLICE = 1000


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """What a task waits for, and since when it does."""

    task_id: str
    on: Seen
    created_at: int


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A task in a list."""

    seen: Seen
    open_run: RunSeen | None
    dependencies: list[Dependency]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """A task with everything about it."""

    listed: Listed
    children: list[Listed]
    runs: list[RunSeen]
    """The newest first."""
    events: list[TaskEvent]
    """The newest first."""


def show(tx: Tx, tasks: Sequence[Task]) -> list[Listed]:
    """The tasks as lists show them, in their order."""
    edges = sql.edges(tx, [task.id for task in tasks if task.dependencies])
    others = tasks_sql.get(tx, sorted({edge.depends_on_id for edge in edges}))
    everyone = {task.id: task for task in (*others.values(), *tasks)}
    seen = {one.task.id: one for one in views.see(tx, list(everyone.values()))}
    running = views.open_runs(tx, tasks)
    waits: dict[str, list[Dependency]] = {}
    for edge in edges:
        if edge.depends_on_id in seen:
            one = Dependency(task_id=edge.task_id, on=seen[edge.depends_on_id], created_at=edge.created_at)
            waits.setdefault(edge.task_id, []).append(one)
    return [
        Listed(seen=seen[task.id], open_run=running.get(task.id), dependencies=waits.get(task.id, [])) for task in tasks
    ]


def show_ids(tx: Tx, ids: Sequence[str]) -> list[Listed]:
    """The tasks with these ids as lists show them, in their order; those that are gone are left out."""
    found = tasks_sql.get(tx, ids)
    return show(tx, [found[one] for one in ids if one in found])


def see(tx: Tx, project_id: int, task_id: str) -> Seen:
    """The task. Raises `NotFound`."""
    return views.see_one(tx, desk.find(tx, project_id, task_id))


def of(tx: Tx, project_id: int, task_id: str) -> Detail:
    """The task with everything about it. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    children = tasks_sql.children(tx, task.id, MAX_CHILDREN) if task.children else []
    listed, *others = show(tx, [task, *children])
    rows = task_runs_sql.of_task(tx, task.id, MAX_ATTEMPTS)
    return Detail(listed=listed, children=others, runs=views.see_runs(tx, task, rows), events=_events(tx, task.id))


def waits(tx: Tx, project_id: int, task_id: str) -> list[Dependency]:
    """What the task waits for. Raises `NotFound`."""
    (listed,) = show(tx, [desk.find(tx, project_id, task_id)])
    return listed.dependencies


def runs(
    tx: Tx,
    project_id: int,
    task_id: str,
    *,
    stage: Stage | None = None,
    session_id: str | None = None,
    limit: int | None = None,
) -> list[RunSeen]:
    """The task's runs that meet the filters, the newest first. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    rows = [
        row
        for row in task_runs_sql.of_task(tx, task.id, MAX_ATTEMPTS)
        if stage in (None, row.stage) and session_id in (None, row.session_id)
    ]
    return views.see_runs(tx, task, rows[:limit])


def _events(tx: Tx, task_id: str) -> list[TaskEvent]:
    found: list[TaskEvent] = []
    before, room = 2**63 - 1, LONGEST
    while len(found) < MOST_EVENTS and room > 0:
        rows = events_sql.newest_of_task(tx, task_id, before=before, n=SLICE)
        found += rows
        room -= sum(len(row.payload) for row in rows)
        if len(rows) < SLICE:
            break
        before = rows[-1].seq
    return found
