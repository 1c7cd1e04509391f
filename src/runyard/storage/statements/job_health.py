"""SQL of how the runs of a job end and how long they take."""

from __future__ import annotations

from runyard.storage.port import Tx

ENDED = (
    "SELECT state, started_at, finished_at FROM runs "
    "WHERE job_id = :job_id AND finished_at IS NOT NULL AND finished_at >= :since ORDER BY finished_at DESC LIMIT :n"
)


def ended(tx: Tx, job_id: str, since: int, n: int) -> list[tuple[str, int | None, int]]:
    """State, start and end of the job's runs that ended since, the last ones first."""
    return [(row[0], row[1], row[2]) for row in tx.rows(ENDED, job_id=job_id, since=since, n=n)]
