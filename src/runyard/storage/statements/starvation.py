"""SQL of queued runs of tasks that nobody takes (index `task_runs_look`)."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.domain.tasks import TaskRun
from runyard.storage.port import Tx
from runyard.storage.statements.task_runs import COLUMNS

_DUE = "project_id = :project_id AND look_at IS NOT NULL AND look_at <= :since"
# From one project to the next by the index, past all the rows of each.
PROJECTS = (
    "WITH RECURSIVE projects (id) AS (SELECT MIN(project_id) FROM task_runs WHERE look_at IS NOT NULL UNION ALL "
    "SELECT (SELECT MIN(t.project_id) FROM task_runs t WHERE t.look_at IS NOT NULL AND t.project_id > projects.id) "
    "FROM projects WHERE projects.id IS NOT NULL) "
    "SELECT id FROM projects WHERE id IS NOT NULL AND EXISTS (SELECT 1 FROM task_runs t WHERE t.project_id = id "
    "AND t.look_at IS NOT NULL AND t.look_at <= :since) "
    "AND NOT EXISTS (SELECT 1 FROM schedulers s WHERE s.project_id = id AND s.paused_at IS NOT NULL)"
)
DUE = f"SELECT run_id FROM task_runs WHERE {_DUE} ORDER BY look_at, run_id LIMIT :n"
# What another server looks after at this moment is left to it.
FREE = "SELECT id FROM runs WHERE id {among ids} AND state = 'queued' ORDER BY id {skip_locked}"
STILL = f"SELECT {COLUMNS} FROM task_runs WHERE run_id {{among ids}} AND {_DUE}"


def projects(tx: Tx, since: int) -> list[int]:
    """The projects whose scheduler is not paused and in which runs wait since then or longer."""
    return [row[0] for row in tx.rows(PROJECTS, since=since)]


def take(tx: Tx, project_id: int, since: int, n: int) -> list[TaskRun]:
    """The project's `n` runs that wait longest to be looked after, since then or longer; they are locked."""
    due = [row[0] for row in tx.rows(DUE, project_id=project_id, since=since, n=n)]
    free = [row[0] for row in tx.rows(FREE, ids=due)] if due else []
    return _still(tx, project_id, since, free) if free else []


def _still(tx: Tx, project_id: int, since: int, ids: Sequence[str]) -> list[TaskRun]:
    rows = tx.records(TaskRun, STILL, ids=list(ids), project_id=project_id, since=since)
    return sorted(rows, key=lambda row: row.run_id)
