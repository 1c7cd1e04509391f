"""SQL of tasks as lists of many show them in short: one statement for all there is to know, and no long texts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import Triage
from runyard.domain.records import Run
from runyard.domain.tasks import Task, TaskRun
from runyard.storage.port import Ask, Tx, Value, as_records
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements import task_runs as task_runs_sql
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements import triage as triage_sql

_TASK = (
    *("id", "path", "workspace_id", "title", "identifier", "priority", "status", "max_attempts"),
    *("approval_policy", "approval_state", "owner_kind", "owner_ref", "paused_at", "active_at"),
)
_RUN = (
    *("attempt", "stage", "session_id", "claimer_kind", "claimer_ref", "coordination", "previous_run_id"),
    *("failure_kind", "queued_at", "claimed_at", "started_at", "ended_at"),
)
_ALL = ", ".join(
    (
        *(f"t.{name}" for name in _TASK),
        "COALESCE(t.open_stage, t.last_stage) AS latest_stage",
        "(SELECT MAX(e.seq) FROM task_events e WHERE e.task_id = t.id) AS sequence",
        *("g.mark", "g.seen_at", "g.updated_at AS triaged_at"),
        "u.id AS run_id",
        *(f"r.{name}" for name in _RUN),
        "u.error",
        "CASE WHEN r.coordination IS NOT NULL THEN u.metadata END AS metadata",
    )
)
# All by key; by none where the task itself says that there is nothing. A run that has gone is none.
_FROM = """
    tasks t
    LEFT JOIN triage g ON g.project_id = :project_id AND g.actor_kind = :actor_kind AND g.actor_ref = :actor_ref
    AND g.task_id = CASE WHEN t.triaged = 1 THEN t.id END
    LEFT JOIN task_runs r ON r.run_id = COALESCE(t.open_run_id, t.last_run_id)
    LEFT JOIN runs u ON u.id = r.run_id
    WHERE t.id {among ids}"""


class Glimpse(msgspec.Struct, frozen=True, gc=False):
    """A task in short, what an actor has seen of it, and its latest run. Built from rows by position."""

    id: str
    path: str
    workspace_id: str | None
    title: str
    identifier: str | None
    priority: int
    status: str
    max_attempts: int
    approval_policy: str
    approval_state: str
    owner_kind: str | None
    owner_ref: str | None
    paused_at: int | None
    active_at: int
    latest_stage: str | None
    """How its latest run stands, also once that has gone."""
    sequence: int | None
    """The number of its newest line; None where there is none."""
    mark: str | None
    """How the actor's record of it stands; None where they have none, as all of the record is."""
    seen_at: int
    triaged_at: int
    run_id: str | None
    """None where there is no run, as all of the run is."""
    attempt: int
    stage: str
    session_id: str | None
    claimer_kind: str | None
    claimer_ref: str | None
    coordination: str | None
    previous_run_id: str | None
    failure_kind: str | None
    queued_at: int
    claimed_at: int | None
    started_at: int | None
    ended_at: int | None
    error: str | None
    metadata: str | None
    """None where no channel goes with the run."""

    @property
    def owner(self) -> Actor | None:
        """Whose it is."""
        if self.owner_kind is None or self.owner_ref is None:
            return None
        return Actor(self.owner_kind, self.owner_ref)

    @property
    def claimer(self) -> Actor | None:
        """Who has its latest run, or had it."""
        if self.claimer_kind is None or self.claimer_ref is None:
            return None
        return Actor(self.claimer_kind, self.claimer_ref)


GET = f"SELECT {', '.join(Glimpse.__struct_fields__)} FROM (SELECT {_ALL} FROM {_FROM}) AS shown"


def get(tx: Tx, project_id: int, actor: Actor, ids: Sequence[str]) -> dict[str, Glimpse]:
    """The tasks by id, with the actor's records of them; unknown ids are absent."""
    if not ids:
        return {}
    rows = tx.wide_rows(GET, project_id=project_id, actor_kind=actor.kind, actor_ref=actor.ref, ids=list(ids))
    return {row[0]: Glimpse(*row) for row in rows}


def whole(tx: Tx, project_id: int, actor: Actor, ids: Sequence[str]) -> tuple[dict[str, Task], dict[str, Triage]]:
    """The tasks as they are and the actor's records of them, each by task."""
    if not ids:
        return {}, {}
    said: dict[str, Value] = {"project_id": project_id, "kind": actor.kind, "ref": actor.ref, "ids": list(ids)}
    tasks, records = tx.together([Ask(tasks_sql.GET, {"ids": list(ids)}, wide=True), Ask(triage_sql.OF_ACTOR, said)])
    return (
        {task.id: task for task in as_records(Task, tasks)},
        {one.task_id: one for one in map(triage_sql.from_row, records)},
    )


def whole_runs(tx: Tx, ids: Sequence[str]) -> tuple[dict[str, TaskRun], dict[str, Run]]:
    """Runs and what stands beside them, each by run."""
    if not ids:
        return {}, {}
    rows, runs = tx.together([Ask(text, {"ids": list(ids)}, wide=True) for text in (task_runs_sql.GET, runs_sql.GET)])
    return (
        {row.run_id: row for row in as_records(TaskRun, rows)},
        {run.id: run for run in map(runs_sql.from_row, runs)},
    )
