"""SQL of run classes."""

from __future__ import annotations

from runyard.storage.port import Tx, Value

ADD = (
    "INSERT INTO run_classes (project_id, executor, queue, job, requires) "
    "VALUES (:project_id, :executor, :queue, :job, :requires) "
    "ON CONFLICT (project_id, executor, queue, job, requires) DO NOTHING"
)
FIND = (
    "SELECT id FROM run_classes WHERE project_id = :project_id AND executor = :executor AND queue = :queue "
    "AND job = :job AND requires = :requires"
)
OF_PROJECT = "SELECT id, queue, job, requires FROM run_classes WHERE project_id = :project_id AND executor = :executor"
# A counter and not MAX(id): ids are given before the commit, so the largest one says nothing about smaller ones.
BUMP = "UPDATE counters SET value = value + 1 WHERE name = 'classes'"
VERSION = "SELECT value FROM counters WHERE name = 'classes'"


def intern(tx: Tx, project_id: int, executor: str, queue: str, job: str, requires: str) -> int:
    """The class's id; made when there is none yet."""
    params: dict[str, Value] = {
        "project_id": project_id,
        "executor": executor,
        "queue": queue,
        "job": job,
        "requires": requires,
    }
    row = tx.row(FIND, **params)
    if row is None:
        if tx.run(ADD, **params):
            tx.run(BUMP)
        row = tx.row(FIND, **params)
    assert row is not None
    return int(row[0])


def of_project(tx: Tx, project_id: int, executor: str) -> list[tuple[int, str, str, str]]:
    """All (id, queue, job, requires) of a project for one executor kind."""
    return [(row[0], row[1], row[2], row[3]) for row in tx.rows(OF_PROJECT, project_id=project_id, executor=executor)]


def version(tx: Tx) -> int:
    """Grows with every class that was added; while it stands still, none was."""
    row = tx.row(VERSION)
    return int(row[0]) if row else 0
