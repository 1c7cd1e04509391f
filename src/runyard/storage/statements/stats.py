"""SQL of counts. Every count goes along an index and stops at `:n`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Tx, Value


def _union(branches: Sequence[str]) -> str:
    return " UNION ALL ".join(branches)


def _capped(number: int, source: str) -> str:
    return (
        f"SELECT :s{number} AS state, COUNT(*) AS runs FROM (SELECT 1 FROM runs WHERE {source} LIMIT :n) AS c{number}"
    )


IN_STATE = "project_id = :project_id AND state = :s#"
OF_JOB = "job_id = :job_id AND state = :s# AND finished_at IS NOT NULL"
# Here and below the order says NULLS LAST for the reason given in `listing`.
LIVE_OF_JOB = (
    "SELECT state, COUNT(*) FROM (SELECT state FROM runs WHERE job_id = :job_id AND finished_at IS NULL "
    "ORDER BY id DESC NULLS LAST LIMIT :n) AS live GROUP BY state"
)
# The index holds the project, so that other projects' runs are passed by without reading them.
SINCE = (
    "SELECT COUNT(*), SUM(CASE WHEN project_id = :project_id THEN 1 ELSE 0 END) FROM (SELECT project_id FROM runs "
    "WHERE state = :state AND finished_at IS NOT NULL AND finished_at >= :since ORDER BY finished_at DESC LIMIT :n) "
    "AS ended"
)
SINCE_OF_JOB = (
    "SELECT COUNT(*), SUM(CASE WHEN finished_at >= :since THEN 1 ELSE 0 END) FROM (SELECT finished_at FROM runs "
    "WHERE job_id = :job_id AND state = :state AND finished_at IS NOT NULL ORDER BY id DESC NULLS LAST LIMIT :n) "
    "AS ended"
)

PRIORITIES = range(11)
_FIRST = (
    "SELECT * FROM (SELECT queued_at FROM runs WHERE class_id = c.id AND state = 'queued' AND hold IS NULL "
    "AND rank >= {low} AND rank < {high} ORDER BY rank, id LIMIT 1) AS p{priority}"
)
# The claim order has the priority in its high bits: eleven looks find the oldest of each.
_OLDEST = _union(
    [_FIRST.format(low=(10 - priority) << 53, high=(11 - priority) << 53, priority=priority) for priority in PRIORITIES]
)
CLASSES = f"""
    SELECT c.queue,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM runs WHERE class_id = c.id AND state = 'queued' AND hold IS NULL LIMIT :n) AS r),
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM runs WHERE class_id = c.id AND state = 'queued' AND hold IS NOT NULL LIMIT :n) AS h),
        (SELECT MIN(queued_at) FROM ({_OLDEST}) AS o)
    FROM run_classes c WHERE c.project_id = :project_id
    AND (EXISTS (SELECT 1 FROM runs WHERE class_id = c.id AND state = 'queued' AND hold IS NULL)
        OR EXISTS (SELECT 1 FROM runs WHERE class_id = c.id AND state = 'queued' AND hold IS NOT NULL))
    ORDER BY c.id LIMIT :classes"""
HELD = """
    SELECT c.queue, COUNT(*) FROM (
        SELECT class_id FROM runs WHERE project_id = :project_id AND state = :state
        ORDER BY id DESC NULLS LAST LIMIT :n) AS r
    JOIN run_classes c ON c.id = r.class_id GROUP BY c.queue"""


class Waiting(msgspec.Struct, frozen=True):
    """The queued runs of one class: how many may be claimed, how many not yet, and since when the oldest may."""

    queue: str
    ready: int
    held: int
    oldest: int | None


def by_state(tx: Tx, project_id: int, states: Sequence[str], n: int) -> dict[str, int]:
    """How many runs of the project are in each state; counted up to `n`."""
    return _counted(tx, IN_STATE, states, n, {"project_id": project_id})


def ended_by_state(tx: Tx, job_id: str, states: Sequence[str], n: int) -> dict[str, int]:
    """How many runs of the job have ended in each state; counted up to `n`."""
    return _counted(tx, OF_JOB, states, n, {"job_id": job_id})


def live_by_state(tx: Tx, job_id: str, n: int) -> dict[str, int]:
    """In which states the job's newest `n` live runs are."""
    return dict(tx.rows(LIVE_OF_JOB, job_id=job_id, n=n))


def ended_since(tx: Tx, project_id: int, job_id: str | None, state: str, since: int, n: int) -> tuple[int, int]:
    """How many ended runs were looked at (up to `n`), and how many of them are meant."""
    text = SINCE if job_id is None else SINCE_OF_JOB
    row = tx.row(text, project_id=project_id, job_id=job_id, state=state, since=since, n=n)
    return (int(row[0]), int(row[1] or 0)) if row else (0, 0)


def waiting(tx: Tx, project_id: int, n: int, classes: int) -> list[Waiting]:
    """The project's classes that have queued runs, with their counts up to `n`; at most so many classes."""
    return [Waiting(*row) for row in tx.rows(CLASSES, project_id=project_id, n=n, classes=classes)]


def held(tx: Tx, project_id: int, state: str, n: int) -> dict[str, int]:
    """In which queues the newest `n` runs in a state are."""
    return dict(tx.rows(HELD, project_id=project_id, state=state, n=n))


def _counted(tx: Tx, source: str, states: Sequence[str], n: int, params: dict[str, Value]) -> dict[str, int]:
    text = _union([_capped(number, source.replace("#", str(number))) for number in range(len(states))])
    named: dict[str, Value] = {f"s{number}": state for number, state in enumerate(states)}
    return dict(tx.rows(text, n=n, **params, **named))
