"""SQL of dispatch: which work is ready, class by class, and what a run takes along."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.storage.port import Tx

_READY = "state = 'queued' AND hold IS NULL"
# Hops from class to class in the ready index, so that a long queue of one class costs no more than a short one.
BUSY_CLASSES = f"""
    WITH RECURSIVE w(class_id) AS (
        SELECT (SELECT MIN(class_id) FROM runs WHERE {_READY} AND class_id > :after)
        UNION ALL
        SELECT (SELECT MIN(r.class_id) FROM runs r WHERE r.state = 'queued' AND r.hold IS NULL
                AND r.class_id > w.class_id)
        FROM w WHERE w.class_id IS NOT NULL
    )
    SELECT class_id FROM w WHERE class_id IS NOT NULL LIMIT :n"""
CLAIMABLE = """
    SELECT c.id FROM run_classes c WHERE c.id {among ids} AND c.executor = :executor AND c.requires = '[]'
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.project_id = c.project_id AND j.name = c.job AND j.enabled = 0)"""
HEADS = """
    SELECT c.id, (
        SELECT {gathered h.head} FROM (
            SELECT q.rank || ':' || q.id AS head FROM runs q
            WHERE q.class_id = c.id AND q.state = 'queued' AND q.hold IS NULL ORDER BY q.rank, q.id LIMIT :n
        ) h
    ) FROM run_classes c WHERE c.id {among ids}"""
VERSIONS = "SELECT job_id, version, spec FROM job_versions WHERE job_id {among ids} AND version {among versions}"
CURRENT = "SELECT id, spec FROM jobs WHERE id {among ids}"
CHECKPOINTS = """
    SELECT c.run_id, c.at, c.state FROM checkpoints c WHERE c.run_id {among ids}
    AND c.number = (SELECT MAX(o.number) FROM checkpoints o WHERE o.run_id = c.run_id)
    AND LENGTH(c.state) <= :longest"""


def busy_classes(tx: Tx, executor: str, *, after: int, n: int) -> tuple[list[int], int | None]:
    """Classes of this executor with ready work, of the `n` behind the given one; and where to go on, if anywhere."""
    found = [row[0] for row in tx.rows(BUSY_CLASSES, after=after, n=n)]
    return claimable(tx, executor, found), found[-1] if len(found) == n else None


def claimable(tx: Tx, executor: str, ids: Sequence[int]) -> list[int]:
    """Which of these classes are this executor's, and of no job that is disabled."""
    return sorted(row[0] for row in tx.rows(CLAIMABLE, ids=list(ids), executor=executor)) if ids else []


def heads(tx: Tx, class_ids: Sequence[int], n: int) -> dict[int, list[tuple[int, str]]]:
    """(rank, run) of the first `n` ready runs of each class, in claim order."""
    found: dict[int, list[tuple[int, str]]] = {}
    for class_id, text in tx.rows(HEADS, ids=list(class_ids), n=n):
        pairs = [one.split(":", 1) for one in msgspec.json.decode(text or "[]", type=list[str])]
        found[class_id] = sorted((int(rank), run_id) for rank, run_id in pairs)
    return found


def versions(tx: Tx, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The definitions of jobs at these versions, as far as they are kept."""
    rows = tx.rows(
        VERSIONS, ids=sorted({job_id for job_id, _ in wanted}), versions=sorted({version for _, version in wanted})
    )
    return {(row[0], row[1]): row[2] for row in rows}


def current(tx: Tx, job_ids: Sequence[str]) -> dict[str, str]:
    """The definitions of jobs as they are now."""
    return {row[0]: row[1] for row in tx.rows(CURRENT, ids=sorted(set(job_ids)))}


def checkpoints(tx: Tx, run_ids: Sequence[str], longest: int) -> dict[str, tuple[int, str]]:
    """Time and state of each run's last checkpoint, where it is not longer than that."""
    return {row[0]: (row[1], row[2]) for row in tx.rows(CHECKPOINTS, ids=list(run_ids), longest=longest)}
