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
# Runs of a job that is disabled stay where they are.
_ENABLED = "NOT EXISTS (SELECT 1 FROM jobs j WHERE j.project_id = c.project_id AND j.name = c.job AND j.enabled = 0)"
OF_PROJECT = (
    "SELECT c.id, c.queue, c.job, c.requires FROM run_classes c "
    f"WHERE c.project_id = :project_id AND c.executor = :executor AND {_ENABLED}"
)
OF_ALL = f"SELECT c.id, c.queue, c.job, c.requires FROM run_classes c WHERE c.executor = :executor AND {_ENABLED}"
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


def claimable(tx: Tx, project_id: int | None, executor: str) -> list[tuple[int, str, str, str]]:
    """All (id, queue, job, requires) of a project, or of all, for one executor kind; not those of disabled jobs."""
    if project_id is None:
        rows = tx.rows(OF_ALL, executor=executor)
    else:
        rows = tx.rows(OF_PROJECT, project_id=project_id, executor=executor)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def changed(tx: Tx) -> None:
    """Have every server read the classes anew."""
    tx.run(BUMP)


def version(tx: Tx) -> int:
    """Grows with every class that was added or became claimable or not; while it stands still, nothing did."""
    row = tx.row(VERSION)
    return int(row[0]) if row else 0
