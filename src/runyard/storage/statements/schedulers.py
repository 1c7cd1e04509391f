"""SQL of whether queued runs of tasks are handed out."""

from __future__ import annotations

import msgspec

from runyard.storage.port import Tx

COLUMNS = "project_id, paused_at, paused_by, paused_reason, updated_at"
GET = f"SELECT {COLUMNS} FROM schedulers WHERE project_id = :project_id"
PUT = (
    f"INSERT INTO schedulers ({COLUMNS}) VALUES (:project_id, :paused_at, :paused_by, :paused_reason, :updated_at) "
    "ON CONFLICT (project_id) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by, "
    "paused_reason = excluded.paused_reason, updated_at = excluded.updated_at"
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
