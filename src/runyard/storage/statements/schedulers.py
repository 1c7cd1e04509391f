"""SQL of whether queued runs of tasks are handed out, and of those that wait for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.task_sums import RUN_SUMS
from runyard.storage.port import Tx

COLUMNS = "project_id, paused_at, paused_by, paused_reason, updated_at"
GET = f"SELECT {COLUMNS} FROM schedulers WHERE project_id = :project_id"
PUT = (
    f"INSERT INTO schedulers ({COLUMNS}) VALUES (:project_id, :paused_at, :paused_by, :paused_reason, :updated_at) "
    "ON CONFLICT (project_id) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by, "
    "paused_reason = excluded.paused_reason, updated_at = excluded.updated_at"
)
_SUMMED = ", ".join(f"COALESCE(SUM({name}), 0)" for name in RUN_SUMS)
RUN_COUNTS = f"SELECT {_SUMMED} FROM task_run_sums WHERE project_id = :project_id"
RUN_COUNTS_OF_WORKSPACE = f"{RUN_COUNTS} AND workspace_id = :workspace_id"
PAUSED_TASKS = "SELECT COALESCE(SUM(paused), 0) FROM task_sums WHERE project_id = :project_id"
# The runs that a pause holds up stand in `runs_not_ready`, by class.
PAUSED_RUNS = (
    "SELECT COUNT(*) FROM runs WHERE class_id {among class_ids} AND state = 'queued' AND hold = 'paused' "
    "AND queued_at <= :queued_by"
)
_BACKLOG = (
    "SELECT id FROM runs WHERE project_id = :project_id AND executor = 'session' AND state = 'queued' {where} "
    "ORDER BY rank, id LIMIT :n"
)


class Scheduler(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a project's queued runs of tasks are handed out."""

    project_id: int
    paused_at: int | None = None
    paused_by: str | None = None
    paused_reason: str | None = None
    updated_at: int | None = None


def get(tx: Tx, project_id: int) -> Scheduler:
    """The project's scheduler."""
    row = tx.row(GET, project_id=project_id)
    if row is None:
        return Scheduler(project_id=project_id)
    return Scheduler(project_id=row[0], paused_at=row[1], paused_by=row[2], paused_reason=row[3], updated_at=row[4])


def put(tx: Tx, scheduler: Scheduler) -> None:
    """Write how it stands."""
    tx.run(PUT, **msgspec.structs.asdict(scheduler))


def run_counts(tx: Tx, project_id: int, workspace_id: str | None = None) -> dict[str, int]:
    """The sums of all runs of tasks, or of those of a workspace ('' for those of none), by name."""
    if workspace_id is None:
        row = tx.row(RUN_COUNTS, project_id=project_id)
    else:
        row = tx.row(RUN_COUNTS_OF_WORKSPACE, project_id=project_id, workspace_id=workspace_id)
    assert row is not None
    # PostgreSQL sums big integers as decimals.
    return dict(zip(RUN_SUMS, map(int, row), strict=True))


def paused_tasks(tx: Tx, project_id: int) -> int:
    """How many tasks are paused themselves."""
    row = tx.row(PAUSED_TASKS, project_id=project_id)
    return int(row[0]) if row else 0


def paused_runs(tx: Tx, class_ids: Sequence[int], *, queued_by: int) -> int:
    """How many runs of these classes that were queued by then are held up by a pause."""
    row = tx.row(PAUSED_RUNS, class_ids=list(class_ids), queued_by=queued_by) if class_ids else None
    return int(row[0]) if row else 0


def backlog(tx: Tx, project_id: int, queue: str | None, *, paused: bool, n: int) -> list[str]:
    """The first `n` queued runs in claim order, of a queue or of all, with those that a pause holds up or without."""
    where = ("" if paused else "AND (hold IS NULL OR hold <> 'paused')") + (
        "" if queue is None else " AND queue = :queue"
    )
    named = {"queue": queue} if queue is not None else {}
    return [row[0] for row in tx.rows(_BACKLOG.replace("{where}", where), project_id=project_id, n=n, **named)]
