"""SQL of the secrets of jobs."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.storage.port import Insert, Tx

PUT = Insert(
    "job_secrets",
    {"job_id": "text", "name": "text", "value": "text", "updated_at": "bigint"},
    "ON CONFLICT (job_id, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
)
DROP = "DELETE FROM job_secrets WHERE job_id = :job_id AND name = :name"
NAMES = "SELECT name, updated_at FROM job_secrets WHERE job_id = :job_id ORDER BY name LIMIT :n"
OF_JOBS = "SELECT job_id, name, value FROM job_secrets WHERE job_id {among ids} ORDER BY job_id, name"
COPY = (
    "INSERT INTO job_secrets (job_id, name, value, updated_at) "
    "SELECT :target, name, value, :now FROM job_secrets WHERE job_id = :source"
)


def put(tx: Tx, job_id: str, name: str, sealed: str) -> None:
    """Keep a secret, over the one of that name."""
    tx.insert(PUT, [(job_id, name, sealed, tx.now)])


def drop(tx: Tx, job_id: str, name: str) -> bool:
    """Forget a secret; whether it was there."""
    return tx.run(DROP, job_id=job_id, name=name) == 1


def names(tx: Tx, job_id: str, n: int) -> list[tuple[str, int]]:
    """The names of the job's secrets and when each was set."""
    return [(row[0], row[1]) for row in tx.rows(NAMES, job_id=job_id, n=n)]


def of_jobs(tx: Tx, job_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The sealed secrets of each of the jobs that has any."""
    found: dict[str, dict[str, str]] = {}
    for job_id, name, value in tx.rows(OF_JOBS, ids=sorted(set(job_ids))):
        found.setdefault(job_id, {})[name] = value
    return found


def copy(tx: Tx, source: str, target: str) -> None:
    """Give a new job the secrets of another."""
    tx.run(COPY, source=source, target=target, now=tx.now)
