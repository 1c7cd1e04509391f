"""SQL of deleting tasks: what belongs to them, and which closed ones were kept long enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runyard.storage.port import Tx

_TEXTS = (
    "DELETE FROM task_texts WHERE project_id IN (SELECT project_id FROM tasks WHERE id {among ids}) "
    "AND task_id {among ids}"
)
OF_TASK = (
    "DELETE FROM task_events WHERE task_id {among ids}",
    "DELETE FROM reviews WHERE task_id {among ids}",
    "DELETE FROM subscriptions WHERE task_id {among ids}",
    "DELETE FROM task_dependencies WHERE task_id {among ids}",
    "DELETE FROM task_dependencies WHERE depends_on_id {among ids}",
    "DELETE FROM task_runs WHERE task_id {among ids}",
    "DELETE FROM coding_tasks WHERE task_id {among ids}",
    "DELETE FROM transcripts_kept WHERE task_id {among ids}",
    _TEXTS,
    "DELETE FROM tasks WHERE id {among ids}",
)
# A task that ended badly blocks those that wait for it: that is for a person to end, not for time.
EXPIRED = (
    "SELECT id FROM tasks WHERE status = :status AND closed_at < :before AND children = 0 AND open_run_id IS NULL "
    "AND (status = 'completed' OR NOT EXISTS (SELECT 1 FROM task_dependencies d WHERE d.depends_on_id = tasks.id)) "
    "ORDER BY closed_at LIMIT :n"
)
RUNS = (
    "SELECT r.id, r.project_id, r.finished_at FROM task_runs t JOIN runs r ON r.id = t.run_id "
    "WHERE t.task_id {among ids} AND r.finished_at IS NOT NULL ORDER BY r.project_id, r.finished_at, r.id"
)


def delete(tx: Tx, ids: Sequence[str]) -> None:
    """Delete the tasks, whose runs are gone, and all that belongs to them."""
    for statement in OF_TASK:
        tx.run(statement, ids=list(ids))


def expired(tx: Tx, before: Mapping[str, int], n: int) -> list[str]:
    """The first tasks with nothing below them that were closed in a status before that status's time."""
    found: list[str] = []
    for status, time in before.items():
        if len(found) < n:
            found += [row[0] for row in tx.rows(EXPIRED, status=status, before=time, n=n - len(found))]
    return found


def ended_runs(tx: Tx, ids: Sequence[str]) -> list[tuple[str, int, int]]:
    """(id, project, end) of the runs of these tasks that have ended, by project and age."""
    return [(row[0], row[1], row[2]) for row in tx.rows(RUNS, ids=list(ids))]
